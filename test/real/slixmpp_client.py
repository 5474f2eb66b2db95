# An XMPP client that nobody here wrote (python3-slixmpp of Debian 12), told what to do by lines of JSON on its standard
# input: {"do": NAME, ...arguments}. Each is answered by a line {"done": NAME, "result": ...} or {"failed": NAME, "error": ...};
# what comes by itself is a line {"event": NAME, ...}. Everything reported went through slixmpp's own parsers.
import asyncio
import json
import sys

import slixmpp
import slixmpp_rooms
from slixmpp.exceptions import IqError, IqTimeout

PLUGINS = """xep_0004 xep_0012 xep_0030 xep_0050 xep_0054 xep_0077 xep_0085 xep_0092 xep_0106 xep_0115 xep_0172 xep_0184
xep_0199 xep_0202 xep_0203 xep_0333 xep_0359 xep_0428 xep_0461""".split() + slixmpp_rooms.PLUGINS


# slixmpp 1.8.3 prints what it debugs.
LINES, sys.stdout = sys.stdout, sys.stderr


def say(**line):
    print(json.dumps(line), file=LINES, flush=True)


def form_of(form):
    return {
        "title": form["title"],
        "instructions": form["instructions"],
        "fields": [
            {
                "var": name,
                "type": field["type"],
                "label": field["label"],
                "required": bool(field["required"]),
            }
            for name, field in form.get_fields().items()
        ],
    }


class Client(slixmpp_rooms.Rooms, slixmpp.ClientXMPP):
    def __init__(self, jid, password):
        super().__init__(jid, password)
        for plugin in PLUGINS:
            self.register_plugin(plugin)
        # Without TLS: the loopback is private, and the lab's certificate is self-signed.
        self["feature_mechanisms"].unencrypted_plain = True
        self.started = asyncio.get_event_loop().create_future()
        self.add_event_handler("session_start", self.on_start)
        self.add_event_handler("failed_all_auth", lambda _: self.started.set_exception(RuntimeError("log-in refused")))
        self.add_event_handler("message", self.on_message)
        self.add_event_handler("message_error", self.on_error)
        self.add_event_handler("receipt_received", lambda m: say(event="receipt", frm=m["from"].full, id=m["receipt"]))
        self.add_event_handler("presence_available", self.on_presence)
        self.listen_to_rooms(say)
        self.add_event_handler("changed_subscription", lambda p: say(event=p["type"], frm=p["from"].full))

    async def on_start(self, _):
        await self.get_roster()
        self.send_presence()
        if not self.started.done():
            self.started.set_result(None)

    def on_message(self, message):
        if not message["body"]:
            return
        say(
            event="message",
            frm=message["from"].full,
            id=message["id"],
            type=message["type"],
            body=message["body"],
            subject=message["subject"],
            thread=message["thread"],
            nick=message["nick"]["nick"],
            originId=message["origin_id"]["id"],
            replyId=message["reply"]["id"],
            replyTo=str(message["reply"]["to"]),
            delay=message["delay"]["stamp"].isoformat() if message.get_plugin("delay", check=True) else "",
            markable=message.get_plugin("markable", check=True) is not None,
        )

    def on_error(self, message):
        error = message["error"]
        say(event="error", frm=message["from"].full, id=message["id"], condition=error["condition"], text=error["text"])

    def on_presence(self, presence):
        if presence["from"].domain == self.boundjid.domain:
            return
        say(
            event="presence",
            frm=presence["from"].full,
            show=presence["show"],
            nick=presence["nick"]["nick"],
            caps=presence["caps"]["ver"],
        )

    # --- what it can be told to do ---

    async def do_disco(self, jid, node=None):
        info = (await self["xep_0030"].get_info(jid=jid, node=node))["disco_info"]
        items = (await self["xep_0030"].get_items(jid=jid, node=node))["disco_items"] if node else None
        return {
            "identities": sorted(list(identity)[:2] + [identity[3]] for identity in info["identities"]),
            "features": sorted(info["features"]),
            "items": sorted(item[1] for item in items["items"]) if items else [],
        }

    async def do_caps(self, jid):
        """The hash of XEP-0115 as slixmpp computes it from what disco answers; it ignores a presence that lies."""
        info = (await self["xep_0030"].get_info(jid=jid))["disco_info"]
        return self["xep_0115"].generate_verstring(info, "sha-1")

    async def do_register(self, jid, answers):
        asked = await self["xep_0077"].get_registration(jid=jid)
        form = asked["register"]["form"]
        shown = form_of(form)
        answer = self.make_iq_set(ito=jid)
        answer.enable("register")
        submit = answer["register"]["form"]
        submit["type"] = "submit"
        for name, value in answers.items():
            submit.add_field(var=name, value=value)
        await answer.send()
        again = await self["xep_0077"].get_registration(jid=jid)
        return {"form": shown, "registered": bool(again["register"]["registered"])}

    async def do_commands(self, jid):
        items = (await self["xep_0050"].get_commands(jid))["disco_items"]["items"]
        return sorted(node for _, node, _ in items)

    async def do_command(self, jid, node, steps):
        """Runs a command to its end, filling in one form a step."""
        adhoc = self["xep_0050"]
        answer = await adhoc.send_command(jid, node)
        shown = []
        for answers in steps:
            shown.append(form_of(answer["command"]["form"]))
            form = self["xep_0004"].make_form(ftype="submit")
            for name, value in answers.items():
                form.add_field(var=name, value=value)
            session = answer["command"]["sessionid"]
            answer = await adhoc.send_command(jid, node, action="complete", payload=[form], sessionid=session)
        command = answer["command"]
        return {"forms": shown, "status": command["status"], "notes": [list(note) for note in command["notes"]]}

    async def do_send(self, to, body, reply=None, subject=None):
        message = self.make_message(mto=to, mbody=body, mtype="chat", msubject=subject)
        message["id"] = self.new_id()
        message["request_receipt"] = True
        if reply:
            message["reply"]["id"] = reply
            message["reply"]["to"] = to
        message.send()
        return message["id"]

    async def do_displayed(self, to, id):
        self["xep_0333"].send_marker(mto=slixmpp.JID(to), id=id, marker="displayed")

    async def do_add(self, jid):
        self.send_presence_subscription(pto=jid)

    async def do_facts(self, jid):
        version = (await self["xep_0092"].get_version(jid))["software_version"]
        card = (await self["xep_0054"].get_vcard(jid=jid))["vcard_temp"]
        time = (await self["xep_0202"].get_entity_time(jid))["entity_time"]
        uptime = (await self["xep_0012"].get_last_activity(jid))["last_activity"]
        await self["xep_0199"].send_ping(jid, timeout=5)
        return {
            "name": version["name"],
            "version": version["version"],
            "card": card["FN"],
            # As text: its own readers add a second "Z" to the time, and take no offset but "Z".
            "utc": time.xml.findtext("{urn:xmpp:time}utc"),
            "offset": time.xml.findtext("{urn:xmpp:time}tzo"),
            "uptime": uptime["seconds"],
        }

    async def do_card(self, jid):
        card = (await self["xep_0054"].get_vcard(jid=jid))["vcard_temp"]
        return {"name": card["FN"], "mail": [email["USERID"] for email in card["emails"]]}

    async def do_roster(self):
        roster = self.client_roster
        return {jid: {"name": roster[jid]["name"], "subscription": roster[jid]["subscription"]} for jid in roster}


async def main(jid, password, port):
    client = Client(jid, password)
    client.connect(("127.0.0.1", int(port)), disable_starttls=True)
    await asyncio.wait_for(client.started, 15)
    say(event="online", frm=client.boundjid.full)
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        order = json.loads(line)
        name = order.pop("do")
        try:
            say(done=name, result=await asyncio.wait_for(getattr(client, f"do_{name}")(**order), 20))
        except IqError as error:
            problem = error.iq["error"]
            say(failed=name, error={"condition": problem["condition"], "text": problem["text"]})
        except (IqTimeout, asyncio.TimeoutError):
            say(failed=name, error={"condition": "timeout", "text": ""})
    await client.disconnect(wait=2)


# Not client.process(timeout=...): that is broken on Python 3.11.
asyncio.set_event_loop(asyncio.new_event_loop())
asyncio.get_event_loop().run_until_complete(main(*sys.argv[1:]))
