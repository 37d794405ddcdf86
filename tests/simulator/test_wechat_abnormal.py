"""Refunds that the payer's account did not take: sent elsewhere, by API or by hand."""

from pathlib import Path

from tests.simulator.outside import Outside
from tests.simulator.test_wechat import Merchant, number, said


def test_an_abnormal_refund_is_sent_elsewhere(tmp_path: Path) -> None:
    outside = Outside(tmp_path, "--factor", "3600", "--faults", "refund_abnormal=1000")
    try:
        merchant, mine = Merchant(outside), number()
        merchant.paid(mine)
        for refund_no, kind in ((number(), "USER_BANK_CARD"), (number(), "MERCHANT_BANK_CARD")):
            assert merchant.refund(mine, refund_no, 40)[0] == 200
            ask = lambda no=refund_no: merchant.client.query_refund(no)  # noqa: E731
            told = merchant.until(ask, "status", "ABNORMAL")
            card = (
                {}
                if kind == "MERCHANT_BANK_CARD"
                else {
                    "bank_type": "ICBC_DEBIT",
                    "bank_account": "6222020200998877",
                    "real_name": "张三",
                }
            )
            answer = merchant.client.abnormal_refund(told["refund_id"], refund_no, kind, **card)
            assert said(answer)[1]["status"] == "PROCESSING"
            assert merchant.until(ask, "status", "SUCCESS")["channel"] == "OTHER_BANKCARD"
            outside.post("/simulate/clock", {"seconds": 60})
        found = {one["id"]: one for one in outside.get("/book/accounts")["accounts"]}
        gained = found["card:6222020200998877"]
        assert gained["balance"] - gained["opening"] == 40
        assert outside.get("/book/totals")["balanced"]
        assert outside.get("/faults")["counts"] == {"refund_abnormal": 2}
    finally:
        outside.stop()


def test_an_abnormal_refund_is_sent_elsewhere_by_hand(tmp_path: Path) -> None:
    outside = Outside(tmp_path, "--faults", "refund_abnormal=1000")
    try:
        merchant, mine, refund_no = Merchant(outside), number(), number()
        merchant.paid(mine)
        wish = {"network": "wechat", "kind": "refund", "number": refund_no}
        assert merchant.refund(mine, refund_no, 40)[0] == 200
        ask = lambda: merchant.client.query_refund(refund_no)  # noqa: E731
        merchant.until(ask, "status", "ABNORMAL")
        outside.post("/simulate/send-elsewhere", wish)
        assert merchant.until(ask, "status", "SUCCESS")["channel"] == "OTHER_BANKCARD"
        status, told = outside.post("/simulate/send-elsewhere", wish)
        assert (status, told["code"]) == (409, "NOT_POSSIBLE")
        [order] = [one for one in outside.get("/book")["orders"] if one["number"] == refund_no]
        assert [charge["amount"] for charge in order["charges"]] == [40]
    finally:
        outside.stop()
