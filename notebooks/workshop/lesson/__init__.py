"""What the notebooks make, stage by stage, and the classic mistakes in it."""
