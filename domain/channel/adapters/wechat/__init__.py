"""WeChat Pay API v3 (微信支付): native and combined orders, refunds, callbacks, partner mode."""
