-- Viaduct in Prosody 0.12 or 13: paste at the end of prosody.cfg.lua, then restart Prosody.
-- The first line belongs to the global part, above the first VirtualHost.
component_ports = { 5347 }

Component "email.example.org"
    component_secret = "a-long-random-secret"
    -- After a network failure the new connection replaces the dead one at once.
    component_conflict_resolve = "kick_old"

Component "matrix.example.org"
    component_secret = "a-long-random-secret"
    -- After a network failure the new connection replaces the dead one at once.
    component_conflict_resolve = "kick_old"

-- Optional (XEP-0356, needs the package prosody-modules): contacts appear in the roster without a question, rooms in the
-- bookmarks, and what is read in another program is read in XMPP clients.
-- Add "privilege" to the modules_enabled of both the component above and this host:
-- VirtualHost "example.org"
--     modules_enabled = { "privilege" }
--     privileged_entities = {
--         ["email.example.org"] = { roster = "both", message = "outgoing", presence = "roster",
--             iq = { ["http://jabber.org/protocol/pubsub"] = "both" } },
--         ["matrix.example.org"] = { roster = "both", message = "outgoing", presence = "roster",
--             iq = { ["http://jabber.org/protocol/pubsub"] = "both" } },
--     }
