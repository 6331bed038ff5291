"""What the hub keeps: repositories of commits of files, and who may read them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

LARGE = (".safetensors", ".bin", ".gguf", ".model")
"""Kept in large-file storage: such a file has its SHA-256 as its tag."""


@dataclass
class Repository:
    """One model. `readers` are accounts that accepted the licence, if it is gated."""

    name: str
    gated: bool = False
    private: bool = False
    readers: set[str] = field(default_factory=set)
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)

    def commit(self, files: dict[str, bytes], branch: str = "main") -> str:
        """Put these files in place of all that were there; returns the commit's hash."""
        content = repr(sorted((name, tag(name, data)) for name, data in files.items()))
        number = hashlib.sha1(
            f"{len(self.commits)} {content}".encode(), usedforsecurity=False
        ).hexdigest()
        self.commits[number] = dict(files)
        self.refs[branch] = number
        return number

    def resolve(self, revision: str) -> str | None:
        """The commit that a branch or a hash stands for."""
        found = self.refs.get(revision, revision)
        return found if found in self.commits else None

    def info(self, commit: str, *, blobs: bool) -> dict[str, Any]:
        siblings = [sibling(name, data, blobs=blobs) for name, data in self.commits[commit].items()]
        return {
            "_id": "6123456789abcdef01234567",
            "id": self.name,
            "modelId": self.name,
            "sha": commit,
            "private": self.private,
            "gated": "manual" if self.gated else False,
            "disabled": False,
            "tags": [],
            "downloads": 0,
            "likes": 0,
            "siblings": siblings,
        }

    def tree(self, commit: str) -> list[dict[str, Any]]:
        entries = []
        for name, data in sorted(self.commits[commit].items()):
            entry: dict[str, Any] = {"type": "file", "path": name, "size": len(data)}
            entry["oid"] = git_tag(data)
            if name.endswith(LARGE):
                entry["lfs"] = {"oid": tag(name, data), "size": len(data), "pointerSize": 134}
            entries.append(entry)
        return entries


def sibling(name: str, data: bytes, *, blobs: bool) -> dict[str, Any]:
    entry: dict[str, Any] = {"rfilename": name}
    if blobs:
        entry |= {"size": len(data), "blobId": git_tag(data)}
        if name.endswith(LARGE):
            sha256 = hashlib.sha256(data).hexdigest()
            entry["lfs"] = {"sha256": sha256, "size": len(data), "pointerSize": 134}
    return entry


def tag(name: str, data: bytes) -> str:
    """The ETag of a file."""
    return hashlib.sha256(data).hexdigest() if name.endswith(LARGE) else git_tag(data)


def git_tag(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
