"""A mail server that speaks as much of IMAP as a mailbox needs, over TLS, on this machine."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from deploy import certificates
from tests.listener import Listener

AT = datetime(2026, 1, 1, tzinfo=UTC)


class Mail:
    """One of the folder."""

    def __init__(self, raw: bytes, came: datetime, flags: set[str]) -> None:
        self.raw, self.came, self.flags = raw, came, flags


class Box(Listener):
    """mails: by unique id. shut: those that it does not hand out. keeps: an expunge keeps all.

    password: what opens it; another one is refused. said: each command, without its tag.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        certificates.make(folder, datetime.now(UTC) - timedelta(minutes=1))
        self.authority = folder / "ca" / "ca.crt"
        self.mails: dict[int, Mail] = {}
        self.shut: set[int] = set()
        self.keeps = False
        self.password = "right"
        self.said: list[str] = []
        self._next = 1
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        own = folder / "postgres"  # its certificate is good for localhost too
        self._tls.load_cert_chain(own / "server.crt", own / "server.key")

    @property
    def url(self) -> str:
        return f"imaps://privacy:right@localhost:{self.port}/INBOX"

    def add(self, raw: bytes, *flags: str, came: datetime = AT) -> int:
        self.mails[self._next] = Mail(raw, came, set(flags))
        self._next += 1
        return self._next - 1

    def meet(self, line: socket.socket) -> None:
        with self._tls.wrap_socket(line, server_side=True) as secret:
            self._serve(secret.makefile("rwb"))

    def _serve(self, line: Any) -> None:
        line.write(b"* OK ready\r\n")
        line.flush()
        for said in line:
            tag, _space, words = said.decode().strip().partition(" ")
            self.said.append(words)
            verb, _space, rest = words.removeprefix("UID ").partition(" ")
            line.write(self._answer(verb.upper(), rest) % {b"tag": tag.encode()})
            line.flush()

    def _answer(self, verb: str, rest: str) -> bytes:
        answers: dict[str, Callable[[str], bytes]] = {
            "CAPABILITY": lambda rest: b"* CAPABILITY IMAP4rev1\r\n",
            "LOGIN": self._login,
            "SELECT": lambda rest: b"* %d EXISTS\r\n" % len(self.mails),
            "SEARCH": self._search,
            "FETCH": self._fetch,
            "STORE": self._store,
            "EXPUNGE": self._expunge,
            "LOGOUT": lambda rest: b"* BYE\r\n",
        }
        said = answers[verb](rest) if verb in answers else None
        if said is None:
            return b"%(tag)s NO not here\r\n"
        return said.replace(b"%", b"%%") + b"%(tag)s OK done\r\n"

    def _login(self, rest: str) -> bytes | None:
        return b"" if rest.rsplit(maxsplit=1)[-1].strip('"') == self.password else None

    def _search(self, rest: str) -> bytes:
        found = [uid for uid, mail in self.mails.items() if self._fits(uid, mail, rest)]
        return b"* SEARCH " + " ".join(map(str, found)).encode() + b"\r\n"

    def _fits(self, uid: int, mail: Mail, asked: str) -> bool:
        if among := re.search(r"\bUID ([\d,]+)", asked):
            return str(uid) in among[1].split(",")
        if before := re.search(r"BEFORE (\S+)", asked):
            day = datetime.strptime(before[1], "%d-%b-%Y").replace(tzinfo=UTC)
            if mail.came >= day:
                return False
        words = [word for word in asked.split() if re.fullmatch("(UN)?[A-Z]+ED", word)]
        return all(
            (f"\\{word.removeprefix('UN').capitalize()}" in mail.flags) != word.startswith("UN")
            for word in words
        )

    def _fetch(self, rest: str) -> bytes | None:
        uid = int(rest.split(maxsplit=1)[0])
        if uid in self.shut or uid not in self.mails:
            return None
        raw = self.mails[uid].raw
        return b"* 1 FETCH (UID %d BODY[]<0> {%d}\r\n%s)\r\n" % (uid, len(raw), raw)

    def _store(self, rest: str) -> bytes:
        uid, _what, flags = rest.split(" ", 2)
        self.mails[int(uid)].flags |= set(flags.strip("()").split())
        return b""

    def _expunge(self, rest: str) -> bytes:
        if not self.keeps:
            self.mails = {k: m for k, m in self.mails.items() if "\\Deleted" not in m.flags}
        return b""
