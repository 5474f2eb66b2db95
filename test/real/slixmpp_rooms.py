# What the client can be told to do in rooms, and what it tells of them: XEP-0045, 0249, 0313 as slixmpp has them.
PLUGINS = "xep_0045 xep_0059 xep_0249 xep_0297 xep_0313 xep_0421".split()


class Rooms:
    """Mixed into the client of slixmpp_client.py, whose `say` writes a line."""

    def listen_to_rooms(self, say):
        self.say_event = say
        self.add_event_handler("groupchat_message", self.on_groupchat)
        self.add_event_handler("groupchat_presence", self.on_occupant)
        self.add_event_handler("groupchat_subject", lambda m: self.tell_subject(m))
        self.add_event_handler("groupchat_direct_invite", lambda m: self.tell_invitation("direct", m))
        self.add_event_handler("groupchat_invite", lambda m: self.tell_invitation("mediated", m))

    def on_groupchat(self, message):
        self.say_event(
            event="groupchat",
            frm=message["from"].full,
            id=message["id"],
            body=message["body"],
            stanzaId=message["stanza_id"]["id"],
            occupantId=message["occupant-id"]["id"],
            delay=message["delay"]["stamp"].isoformat() if message.get_plugin("delay", check=True) else "",
        )

    def on_occupant(self, presence):
        self.say_event(
            event="occupant",
            frm=presence["from"].full,
            type=presence["type"],
            affiliation=presence["muc"]["affiliation"],
            role=presence["muc"]["role"],
            jid=presence["muc"]["jid"].full,
            codes=sorted(presence["muc"]["status_codes"]),
        )

    def tell_subject(self, message):
        self.say_event(event="subject", frm=message["from"].full, text=message["subject"])

    def tell_invitation(self, kind, message):
        self.say_event(event="invitation", kind=kind, frm=message["from"].full)

    async def do_join(self, room, nick):
        own, subject, people, history = await self["xep_0045"].join_muc_wait(room, nick, maxstanzas=50, timeout=15)
        return {
            "nick": own["from"].resource,
            "codes": sorted(own["muc"]["status_codes"]),
            "people": sorted(presence["from"].resource for presence in people),
            "subject": subject["subject"],
            "history": [message["body"] for message in history],
        }

    async def do_leave(self, room, nick):
        self["xep_0045"].leave_muc(room, nick)

    async def do_say(self, room, body):
        message = self.make_message(mto=room, mbody=body, mtype="groupchat")
        message["id"] = self.new_id()
        message.send()
        return {"id": message["id"]}

    async def do_kick(self, room, nick, reason):
        await self["xep_0045"].set_role(room, nick, "none", reason=reason)

    async def do_selfping(self, room, nick):
        answer = self.make_iq_get(ito=f"{room}/{nick}")
        answer.enable("ping")
        return {"type": (await answer.send())["type"]}

    async def do_archive(self, room):
        results = self["xep_0313"].iterate(jid=room, rsm={"max": 2})
        return {"texts": [one["mam_result"]["forwarded"]["stanza"]["body"] async for one in results]}

    async def do_items(self, jid):
        items = (await self["xep_0030"].get_items(jid=jid))["disco_items"]["items"]
        return {"items": sorted([item[0], item[2]] for item in items)}
