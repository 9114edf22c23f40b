"""FaceMAE: one vector for the faces of a clip."""
