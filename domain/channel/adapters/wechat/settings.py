"""What WeChat Pay needs to know us by: one frozen struct."""

from collections.abc import Mapping

from msgspec import Struct

from domain.channel.adapters.wechat.keys import Keys
from domain.channel.adapters.wire import Limits
from domain.channel.network import Order, Pace, Part


class WeChatSettings(Struct, frozen=True):
    """Who we are at WeChat Pay, the keys, where it is and where it calls us.

    Partner mode (服务商): `mchid` and `appid` are the partner's. A merchant's number there is what
    its agreement says, which comes with the order; where it says none, what `sub_mchids` lists for
    it, and for all who are not listed `sub_mchid`. `by_agreement`: partner mode though none is
    given here. Without any of the three we are a merchant ourselves (直连).
    """

    mchid: str
    appid: str
    keys: Keys
    base_url: str
    notify_url: str
    sub_mchid: str = ""
    sub_mchids: Mapping[str, str] = {}
    by_agreement: bool = False
    limits: Limits = Limits()
    pace: Pace = Pace()

    @property
    def partner(self) -> bool:
        return bool(self.by_agreement or self.sub_mchid or self.sub_mchids)

    def sub(self, of: Order | Part) -> str:
        """The number there of an order's merchant, or of a part's; "" when it has none."""
        if not self.partner:
            return ""
        return of.sub_mchid or self.sub_mchids.get(of.merchant, self.sub_mchid)

    def known(self, sub_mchid: str) -> bool:
        """Whether it may be the number of a merchant of ours: with agreements, any."""
        if self.by_agreement:
            return bool(sub_mchid)
        return sub_mchid == self.sub_mchid or sub_mchid in self.sub_mchids.values()
