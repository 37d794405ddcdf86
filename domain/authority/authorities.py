"""Who may order money to be stopped or taken (有权机关), and for how long: data.

Source: the annex of 银发〔2002〕1号 (金融机构协助查询、冻结、扣划工作管理规定) names who may
freeze and who may take; a court freezes deposits for a year at most, and again a year by each new
document (interpretation of the civil procedure law, 2015, art. 485), the others for six months.
From memory, not in the store: unverified. So the figures stand here, and nowhere else.
"""

from typing import NamedTuple


class Authority(NamedTuple):
    """`freezes_months`: how long one document may stop money; `deducts`: whether it may have money
    taken."""

    code: str
    chinese: str
    freezes_months: int
    deducts: bool


AUTHORITIES: dict[str, Authority] = {
    one.code: one
    for one in (
        Authority("COURT", "人民法院", 12, True),
        Authority("TAX", "税务机关", 6, True),
        Authority("CUSTOMS", "海关", 6, True),
        Authority("PROCURATORATE", "人民检察院", 6, False),
        Authority("PUBLIC_SECURITY", "公安机关", 6, False),
        Authority("STATE_SECURITY", "国家安全机关", 6, False),
        Authority("SUPERVISION", "监察机关", 6, False),
        Authority("ANTI_SMUGGLING", "海关缉私部门", 6, False),
        Authority("MILITARY_SECURITY", "军队保卫部门", 6, False),
        Authority("PRISON", "监狱", 6, False),
        Authority("SECURITIES", "证券监督管理机构", 6, False),
    )
}
