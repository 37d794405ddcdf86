"""UnionPay and NetsUnion cards, JD Pay, Cloud QuickPass and bank transfer: signed JSON."""
