"""What WeChat Pay says in the tests: orders, refunds and errors, and how it may sign them."""

from domain.channel.network import (
    Answer,
)
from tests.domain.channel.adapters.orders import (
    Do,
    ask,
)
from tests.domain.channel.adapters.outside import Json, WeChatSide
from tests.domain.channel.adapters.server import Server

AT = "2026-11-28T10:00:00+08:00"


AT_US = 1_795_831_200_000_000


CODE = {"code_url": "weixin://wxpay/bizpayurl?pr=qX3w"}


BASE = "/v3/pay/transactions"


PARTNER: dict[str, object] = {"sub_mchids": {"SHOP22": "1900000022", "SHOP23": "1900000023"}}


def single(**changed: object) -> Json:
    return {
        "appid": "wx0123456789abcdef",
        "mchid": "1600000001",
        "out_trade_no": "pay-536365",
        "transaction_id": "4200002026112812345678901234",
        "trade_type": "NATIVE",
        "trade_state": "SUCCESS",
        "trade_state_desc": "paid",
        "success_time": AT,
        "payer": {"openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"},
        # A coupon of 3.00 yuan: the payer gave less than the order was for.
        "amount": {"total": 15_300, "payer_total": 15_000, "currency": "CNY"},
    } | changed


def sub(number: str, serial: str, amount_fen: int, **changed: object) -> Json:
    return {
        "mchid": "1600000001",
        "out_trade_no": number,
        "transaction_id": serial,
        "trade_state": "SUCCESS",
        "success_time": AT,
        "amount": {"total_amount": amount_fen, "payer_amount": amount_fen, "currency": "CNY"},
    } | changed


def combined(*subs: Json, **changed: object) -> Json:
    both = (sub("part2-536365", "4200-2", 5_300), sub("part1-536365", "4200-1", 10_000))
    return {
        "combine_appid": "wx0123456789abcdef",
        "combine_mchid": "1600000001",
        "combine_out_trade_no": "pay-536365",
        "sub_orders": list(subs or both),
    } | changed


def refund(**changed: object) -> Json:
    return {
        "refund_id": "50000000382019052709732678859",
        "out_refund_no": "refund-R1-1",
        "transaction_id": "4200002026112812345678901234",
        "out_trade_no": "pay-536365",
        "user_received_account": "招商银行信用卡0403",
        "success_time": AT,
        "status": "SUCCESS",
        "amount": {"total": 15_300, "refund": 5_000, "payer_refund": 4_900, "currency": "CNY"},
    } | changed


def wechat(do: Do, *replies: object, **changed: object) -> tuple[Answer, Server]:
    return ask(WeChatSide(*replies), "WECHAT_PAY", do, **changed)


SERIAL = "4200002026112812345678901234"


class Skewed(WeChatSide):
    skew_s = 300


class OtherKey(WeChatSide):
    key = "somebody"


class UnknownKey(WeChatSide):
    serial = "PUB_KEY_ID_99"


class Probe(WeChatSide):
    probe = True


class Platform(WeChatSide):
    key, serial = "platform", "5F001234ABCD"


class WrongPair(WeChatSide):
    key, serial = "platform", WeChatSide.serial


def error(code: str) -> Json:
    return {"code": code, "message": "told"}
