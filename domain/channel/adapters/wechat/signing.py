"""Requests to WeChat Pay as they go over the wire: signed, and naming the key of the answer."""

import secrets

from domain.channel.adapters.wechat import keys
from domain.channel.adapters.wechat.requests import Asked
from domain.channel.adapters.wechat.settings import WeChatSettings
from domain.channel.adapters.wire import Request
from domain.kernel import MICROSECONDS


def signed(settings: WeChatSettings, prefix: str, asked: Asked, now_us: int) -> Request:
    """`prefix`: what stands before every path of the channel. `now_us`: the wall's time."""
    target = prefix + asked.path
    headers = {
        "Accept": "application/json",
        "Content-Type": "application/json",
        "Wechatpay-Serial": settings.keys.named,
        "Authorization": keys.authorization(
            settings.keys,
            settings.mchid,
            asked.method,
            target,
            asked.body,
            second=now_us // MICROSECONDS,
            nonce=secrets.token_hex(16).upper(),
        ),
    }
    return Request(asked.method, target, headers, asked.body)
