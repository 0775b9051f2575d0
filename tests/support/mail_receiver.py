"""A mail server and a web server for tests, on 127.0.0.1.

    mail_receiver.py smtp PORT FOLDER [refuse | hang]
    mail_receiver.py http PORT FOLDER [refuse]

Says "ready" once it listens.  What came is in FOLDER: `mail`, the bytes of the message; `envelope`,
whom it is from and for, a line each; `paths`, a line for each request.  With refuse every message or
request is refused; with hang, none is answered.
"""
import asyncio
import http.server
import pathlib
import sys

kind, port, folder, behaviour = (sys.argv + [""])[1:5]
folder = pathlib.Path(folder)


class Mails:
    async def handle_DATA(self, server, session, envelope):
        if behaviour == "refuse":
            return "554 5.7.1 we take nothing from you"
        if behaviour == "hang":
            await asyncio.sleep(3600)
        (folder / "envelope").write_text("\n".join([envelope.mail_from, *envelope.rcpt_tos]) + "\n")
        (folder / "mail").write_bytes(envelope.original_content)
        return "250 taken"


class Requests(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        with open(folder / "paths", "a", encoding="ascii") as paths:
            paths.write(self.path + "\n")
        self.send_response(503 if behaviour == "refuse" else 200)
        self.end_headers()

    def log_message(self, *_):
        pass


if kind == "http":
    server = http.server.HTTPServer(("127.0.0.1", int(port)), Requests)
    print("ready", flush=True)
    server.serve_forever()
else:
    from aiosmtpd.smtp import SMTP

    loop = asyncio.new_event_loop()
    loop.run_until_complete(loop.create_server(lambda: SMTP(Mails(), loop=loop), "127.0.0.1", int(port)))
    print("ready", flush=True)
    loop.run_forever()
