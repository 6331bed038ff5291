"""The real program under talk that does not end: does anything of it grow?"""
