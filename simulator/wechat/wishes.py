"""Bodies of requests to WeChat Pay: the fields this simulator looks at; others are let through."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

Id = Annotated[str, Meta(min_length=1, max_length=32)]
Merchant = Annotated[str, Meta(pattern=r"^[0-9]{8,10}$")]
Number = Annotated[str, Meta(pattern=r"^[0-9A-Za-z_\-|*]{6,32}$")]
RefundNumber = Annotated[str, Meta(pattern=r"^[0-9A-Za-z_\-|*@]{1,64}$")]
Description = Annotated[str, Meta(min_length=1, max_length=127)]
Url = Annotated[str, Meta(pattern=r"^https?://[!-~]{1,240}$")]
Fen = Annotated[int, Meta(ge=1, le=10**13)]
Attach = Annotated[str, Meta(max_length=128)]
CNY = Literal["CNY"]


class Amount(Struct, frozen=True):
    total: Fen
    currency: CNY = "CNY"


class Native(Struct, frozen=True):
    """POST /v3/pay/transactions/native."""

    appid: Id
    mchid: Merchant
    description: Description
    out_trade_no: Number
    notify_url: Url
    amount: Amount
    attach: Attach | None = None
    time_expire: Annotated[str, Meta(max_length=64)] | None = None


class PartnerNative(Struct, frozen=True):
    """POST /v3/pay/partner/transactions/native."""

    sp_appid: Id
    sp_mchid: Merchant
    sub_mchid: Merchant
    description: Description
    out_trade_no: Number
    notify_url: Url
    amount: Amount
    sub_appid: Id | None = None
    attach: Attach | None = None
    time_expire: Annotated[str, Meta(max_length=64)] | None = None


class SubAmount(Struct, frozen=True):
    total_amount: Fen
    currency: CNY


class SubOrder(Struct, frozen=True):
    mchid: Merchant
    amount: SubAmount
    out_trade_no: Number
    description: Description
    attach: Attach
    sub_mchid: Merchant | None = None


class Combined(Struct, frozen=True):
    """POST /v3/combine-transactions/native."""

    combine_appid: Id
    combine_mchid: Merchant
    combine_out_trade_no: Number
    sub_orders: Annotated[list[SubOrder], Meta(min_length=1, max_length=50)]
    notify_url: Url
    time_expire: Annotated[str, Meta(max_length=64)] | None = None


class Close(Struct, frozen=True):
    mchid: Merchant


class PartnerClose(Struct, frozen=True):
    sp_mchid: Merchant
    sub_mchid: Merchant


class SubClose(Struct, frozen=True):
    mchid: Merchant
    out_trade_no: Number
    sub_mchid: Merchant | None = None


class CombinedClose(Struct, frozen=True):
    combine_appid: Id
    sub_orders: Annotated[list[SubClose], Meta(min_length=1, max_length=50)]


class RefundAmount(Struct, frozen=True):
    refund: Fen
    total: Fen
    currency: CNY


class Refund(Struct, frozen=True):
    """POST /v3/refund/domestic/refunds: of a transaction_id or an out_trade_no."""

    out_refund_no: RefundNumber
    amount: RefundAmount
    transaction_id: Id | None = None
    out_trade_no: Number | None = None
    reason: Annotated[str, Meta(max_length=80)] | None = None
    notify_url: Url | None = None
    funds_account: Literal["AVAILABLE", "UNSETTLED"] | None = None
    sub_mchid: Merchant | None = None


class Abnormal(Struct, frozen=True):
    """POST /v3/refund/domestic/refunds/{refund_id}/apply-abnormal-refund."""

    out_refund_no: RefundNumber
    type: Literal["USER_BANK_CARD", "MERCHANT_BANK_CARD"]
    bank_type: Annotated[str, Meta(max_length=16)] | None = None
    bank_account: Annotated[str, Meta(max_length=1024)] | None = None
    real_name: Annotated[str, Meta(max_length=1024)] | None = None
    sub_mchid: Merchant | None = None
