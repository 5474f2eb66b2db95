// XEP-0199: XMPP Ping. XEP-0092: Software Version. XEP-0012: Last Activity (uptime). XEP-0202: Entity Time.
import type { Clock } from "../../gateway/ports.ts";
import { NS } from "../ns.ts";
import type { Feature } from "../router.ts";
import { el } from "../stanza.ts";

const both = ["gateway", "contact"] as const;

export const ping: Feature = {
  xep: "0199",
  iq: [{ type: "get", name: "ping", ns: NS.ping, targets: both, handle: () => undefined }],
};

export function version(number: string): Feature {
  return {
    xep: "0092",
    iq: [
      {
        type: "get",
        name: "query",
        ns: NS.version,
        targets: both,
        handle: () => el("query", { xmlns: NS.version }, el("name", {}, "Viaduct"), el("version", {}, number)),
      },
    ],
  };
}

/** For a component the seconds are its uptime (XEP-0012 section 5). */
export function uptime(clock: Clock): Feature {
  const started = clock.now();
  return {
    xep: "0012",
    iq: [
      {
        type: "get",
        name: "query",
        ns: NS.last,
        targets: ["gateway"],
        handle: () => el("query", { xmlns: NS.last, seconds: Math.max(0, Math.floor((clock.now() - started) / 1000)) }),
      },
    ],
  };
}

export function time(clock: Clock): Feature {
  return {
    xep: "0202",
    iq: [
      {
        type: "get",
        name: "time",
        ns: NS.time,
        targets: ["gateway"],
        handle: () =>
          el(
            "time",
            { xmlns: NS.time },
            el("tzo", {}, "+00:00"),
            el("utc", {}, new Date(clock.now()).toISOString().replace(/\.\d+Z$/, "Z")),
          ),
      },
    ],
  };
}
