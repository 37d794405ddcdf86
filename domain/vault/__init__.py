"""The vault of personal data: ciphertext beside the ledger, a key per member. Knows no business."""
