"""What people may do with a conversation: every command declared once, for every platform."""
