"""A frame on its way through `FaceWatch`, and searching all of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from emollama_hf.frames.clip import Picture
from emollama_hf.frames.faces.allowance import Allowance
from emollama_hf.frames.faces.appearance import face_appearance
from emollama_hf.frames.faces.detect import all_faces
from emollama_hf.frames.faces.face import Face
from emollama_hf.frames.faces.tracks import SeenFrame, face_weight
from emollama_hf.frames.faces.windows import in_windows, searched_pixels
from emollama_hf.frames.working_picture import WorkingPicture


@dataclass
class WatchedFrame:
    """A frame and its faces.

    number: of the frame.  time_s: seconds from the first frame.  shot: counted from 0.
    faces: in pixels of the working picture.
    searched: whether all faces are there, and not only those that were followed.
    looked: whether somebody looked; otherwise the faces are guesses.
    allowance: of the clip, for what may be tried before a frame is searched.
    """

    number: int
    time_s: float
    shot: int
    picture: Picture
    working: WorkingPicture
    allowance: Allowance
    faces: list[Face] = field(default_factory=list)
    searched: bool = False
    looked: bool = False

    def seen(self) -> SeenFrame:
        """With faces in pixels of the frame."""
        working = self.working
        faces = [face.scaled(working.to_frame) for face in self.faces]
        return SeenFrame(self.number, self.time_s, self.shot, working.width, working.height, faces, self.searched)

    def small(self) -> SeenFrame:
        """With faces in pixels of the working picture, in a shot of its own."""
        return SeenFrame(self.number, self.time_s, 0, *self.working.size, self.faces, self.searched)

    def weights(self) -> list[float]:
        """`face_weight` of each face."""
        return [face_weight(face, *self.working.size) for face in self.faces]

    def search(self) -> None:
        """Find all faces, unless that has been done."""
        if not self.searched:
            self._take(all_faces(self.working))
            self.searched = True

    def in_windows(self, guesses: Sequence[Face], roughly: bool = False) -> list[Face] | None:
        """`windows.in_windows` in this frame; None, too, where it must not be tried."""
        width, height = self.working.size
        share = searched_pixels(self.working, guesses, roughly) / (width * height)
        if not self.allowance.allows(share):
            return None
        self.allowance.spend(share)
        return in_windows(self.working, guesses, roughly)

    def found(self, faces: Sequence[Face]) -> None:
        """Take what was seen without a search of the whole, and what it looks like."""
        self._take(faces)
        self.allowance.save()

    def guess(self, faces: Sequence[Face]) -> None:
        """Take where faces must be."""
        self.faces = list(faces)
        self.allowance.save()

    def _take(self, faces: Sequence[Face]) -> None:
        pixels = self.working.pixels
        self.faces = [replace(face, appearance=face_appearance(pixels, face.box)) for face in faces]
        self.looked = True
