"""How fast the model speaks: Quipu's worker beside the other ways to run one, in one run."""
