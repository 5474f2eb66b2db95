// XML namespaces, one line each with the document that defines it.
export const NS = {
  /** RFC 6120 */
  stream: "http://etherx.jabber.org/streams",
  streamErrors: "urn:ietf:params:xml:ns:xmpp-streams",
  stanzaErrors: "urn:ietf:params:xml:ns:xmpp-stanzas",
  client: "jabber:client",
  roster: "jabber:iq:roster",
  /** XEP-0004 */
  dataForms: "jabber:x:data",
  /** XEP-0012 */
  last: "jabber:iq:last",
  /** XEP-0030 */
  discoInfo: "http://jabber.org/protocol/disco#info",
  discoItems: "http://jabber.org/protocol/disco#items",
  /** XEP-0045 */
  muc: "http://jabber.org/protocol/muc",
  mucUser: "http://jabber.org/protocol/muc#user",
  mucAdmin: "http://jabber.org/protocol/muc#admin",
  mucOwner: "http://jabber.org/protocol/muc#owner",
  mucRoomInfo: "http://jabber.org/protocol/muc#roominfo",
  mucStableId: "http://jabber.org/protocol/muc#stable_id",
  /** XEP-0050 */
  commands: "http://jabber.org/protocol/commands",
  /** XEP-0054 */
  vcard: "vcard-temp",
  /** XEP-0059 */
  rsm: "http://jabber.org/protocol/rsm",
  /** XEP-0060 */
  pubsub: "http://jabber.org/protocol/pubsub",
  publishOptions: "http://jabber.org/protocol/pubsub#publish-options",
  /** XEP-0066 */
  oob: "jabber:x:oob",
  /** XEP-0077 */
  register: "jabber:iq:register",
  registerFeature: "http://jabber.org/features/iq-register",
  /** XEP-0084 */
  avatarMetadata: "urn:xmpp:avatar:metadata",
  avatarData: "urn:xmpp:avatar:data",
  /** XEP-0085 */
  chatStates: "http://jabber.org/protocol/chatstates",
  /** XEP-0092 */
  version: "jabber:iq:version",
  /** XEP-0100 */
  gateway: "jabber:iq:gateway",
  /** XEP-0103 */
  urlData: "http://jabber.org/protocol/url-data",
  /** XEP-0106 */
  escaping: "jid\\20escaping",
  /** XEP-0114 */
  component: "jabber:component:accept",
  /** XEP-0115 */
  caps: "http://jabber.org/protocol/caps",
  /** XEP-0144 */
  rosterExchange: "http://jabber.org/protocol/rosterx",
  /** XEP-0153 */
  vcardUpdate: "vcard-temp:x:update",
  /** XEP-0172 */
  nick: "http://jabber.org/protocol/nick",
  /** XEP-0184 */
  receipts: "urn:xmpp:receipts",
  /** XEP-0191 */
  blocking: "urn:xmpp:blocking",
  /** XEP-0199 */
  ping: "urn:xmpp:ping",
  /** XEP-0202 */
  time: "urn:xmpp:time",
  /** XEP-0203 */
  delay: "urn:xmpp:delay",
  /** XEP-0245 needs none. XEP-0280 */
  carbons: "urn:xmpp:carbons:2",
  /** XEP-0249 */
  conference: "jabber:x:conference",
  /** XEP-0264 */
  thumbnails: "urn:xmpp:thumbs:1",
  /** XEP-0297 */
  forward: "urn:xmpp:forward:0",
  /** XEP-0300 */
  hashes: "urn:xmpp:hashes:2",
  /** XEP-0308 */
  correct: "urn:xmpp:message-correct:0",
  /** XEP-0313 */
  mam: "urn:xmpp:mam:2",
  /** XEP-0333 */
  markers: "urn:xmpp:chat-markers:0",
  /** XEP-0334 */
  hints: "urn:xmpp:hints",
  /** XEP-0356 */
  privilege: "urn:xmpp:privilege:2",
  /** XEP-0359 */
  sid: "urn:xmpp:sid:0",
  /** XEP-0372 */
  reference: "urn:xmpp:reference:0",
  /** XEP-0382 */
  spoiler: "urn:xmpp:spoiler:0",
  /** XEP-0393 */
  styling: "urn:xmpp:styling:0",
  /** XEP-0410 */
  selfPing: "http://jabber.org/protocol/muc#self-ping-optimization",
  /** XEP-0402 */
  bookmarks: "urn:xmpp:bookmarks:1",
  /** XEP-0421 */
  occupantId: "urn:xmpp:occupant-id:0",
  /** XEP-0424 */
  retract: "urn:xmpp:message-retract:1",
  /** XEP-0422, which the earlier XEP-0425 stood on */
  fasten: "urn:xmpp:fasten:0",
  /** XEP-0424 version 0.3 */
  retractV0: "urn:xmpp:message-retract:0",
  /** XEP-0425 */
  moderate: "urn:xmpp:message-moderate:1",
  /** XEP-0425 version 0.2 */
  moderateV0: "urn:xmpp:message-moderate:0",
  /** XEP-0428 */
  fallback: "urn:xmpp:fallback:0",
  /** XEP-0444 */
  reactions: "urn:xmpp:reactions:0",
  /** XEP-0446 */
  fileMetadata: "urn:xmpp:file:metadata:0",
  /** XEP-0447 */
  fileSharing: "urn:xmpp:sfs:0",
  /** XEP-0461 */
  reply: "urn:xmpp:reply:0",
  /** XEP-0490 */
  displayed: "urn:xmpp:mds:displayed:0",
} as const;
