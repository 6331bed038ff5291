"""What the commands of the command line read and print; the commands themselves are in bot.cli.

Those of `quipu models` are here, too.
"""
