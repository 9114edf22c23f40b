"""VideoMAE: one vector for the motion of a clip."""
