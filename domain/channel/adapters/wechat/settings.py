"""What WeChat Pay needs to know us by: one frozen struct."""

from collections.abc import Mapping

from msgspec import Struct

from domain.channel.adapters.wechat.keys import Keys
from domain.channel.adapters.wire import Limits
from domain.channel.network import Pace


class WeChatSettings(Struct, frozen=True):
    """Who we are at WeChat Pay, the keys, where it is and where it calls us.

    Partner mode (服务商): `mchid` and `appid` are the partner's; `sub_mchids` gives the number of
    each merchant of ours there, and `sub_mchid` that of all who are not listed. Both empty: we are
    a merchant ourselves (直连).
    """

    mchid: str
    appid: str
    keys: Keys
    base_url: str
    notify_url: str
    sub_mchid: str = ""
    sub_mchids: Mapping[str, str] = {}
    limits: Limits = Limits()
    pace: Pace = Pace()

    @property
    def partner(self) -> bool:
        return bool(self.sub_mchid or self.sub_mchids)

    def sub(self, merchant: str) -> str:
        """The number of a merchant there; "" when it has none."""
        return self.sub_mchids.get(merchant, self.sub_mchid)

    def known(self, sub_mchid: str) -> bool:
        return sub_mchid == self.sub_mchid or sub_mchid in self.sub_mchids.values()
