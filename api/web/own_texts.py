"""The words about the payer's own wallet and cards, in Chinese and English."""

OWN_TEXTS: dict[str, tuple[str, str]] = {
    "own": ("使用钱包或银行卡支付", "Pay with your wallet or a bank card"),
    "own_why": (
        "请先验证身份。验证后，本设备十分钟内显示您的余额和银行卡。",
        "Please show first that it is you. This device then shows your balance and cards "
        "for ten minutes.",
    ),
    "own_reload": ("使用钱包或银行卡支付", "Pay with your wallet or a bank card"),
    "password": ("支付密码（六位数字）", "Payment password (six digits)"),
    "code": ("短信验证码（六位数字）", "Code from the text message (six digits)"),
    "or_code": ("或短信验证码（六位数字）", "Or a code from a text message (six digits)"),
    "send_code": ("发送验证码到银行卡预留手机", "Send a code to your card's telephone"),
    "identify": ("验证", "Show that it is me"),
    "ending": ("尾号", "ending in"),
    "wallet_first": (
        "先用钱包支付 {fen}，其余用所选方式支付",
        "Pay {fen} with the wallet first, and the rest by the method chosen",
    ),
    "confirm": ("请确认支付", "Please confirm"),
    "split": ("支付明细", "What pays"),
    "source": ("支付方式", "Method"),
    "charge": ("确认支付 {fen}", "Pay {fen}"),
    "charge_own": (
        "现在从您的钱包或银行卡支付 {fen}，其余 {rest} 在下一步支付",
        "{fen} are charged to your wallet now; you pay the other {rest} in the next step",
    ),
    "other_way": ("选择其他方式", "Choose another way"),
    "note_identify": ("请先验证身份", "Please show first that it is you"),
    "note_code_sent": (
        "验证码已发送，五分钟内有效。",
        "The code was sent; it is good for five minutes.",
    ),
    "tries_left": ("还可尝试 {left} 次。", "Tries left: {left}."),
    "locked_until": ("已锁定，{until} 后可再试。", "It is locked until {until}."),
    "code_soon": (
        "验证码发送过于频繁，请一分钟后再试。",
        "A code was sent a moment ago. Please wait a minute.",
    ),
    "no_factor_wrong": (
        "支付密码或验证码不正确。",
        "The payment password or the code is not right.",
    ),
    "no_factor_locked": ("尝试次数过多。", "There were too many wrong tries."),
    "no_factor_missing": (
        "请输入支付密码或验证码；如未收到验证码，请先发送。",
        "Please enter what is asked for; have a code sent first.",
    ),
    "no_code_expired": ("验证码已过期，请重新发送。", "The code has expired. Please send another."),
    "no_particulars_invalid": ("请输入六位数字。", "Six digits are needed."),
    "no_busy": ("暂时无法发送，请稍后再试。", "It could not be sent now. Please try again."),
    "no_proof_expired": ("验证已过期，请重新输入。", "That took too long. Please enter it again."),
    "no_proof_unfit": ("金额已变化，请重新确认。", "The amount has changed. Please confirm anew."),
    "no_wallet_cap": ("超过钱包的支付限额", "it is above what the wallet may pay"),
    "no_card_not_found": ("该银行卡已解绑或不可用", "the card is not bound any more"),
    "why_wallet_small": ("余额不足", "the balance is too small"),
    "why_wallet_frozen": ("钱包已冻结", "the wallet is frozen"),
    "why_wallet_cap": ("超过钱包的支付限额", "above what the wallet may pay"),
    "why_no_second_factor": (
        "此金额需要支付密码和短信验证码",
        "so much needs a payment password and a code",
    ),
    "why_not_offered": ("该方式不可用", "it is not offered"),
    "why_rest": ("仅可与钱包组合支付", "only beside the wallet"),
}
