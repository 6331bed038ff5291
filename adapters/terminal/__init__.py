"""The terminal as a platform: a person chats with the bot, or a pipe does."""
