// One careful HTTPS GET (X29): the host policy's addresses only, few redirects, each checked anew, capped in size.
import { request } from "node:https";
import { pinnedLookup } from "#bridge";
import type { HostPolicy } from "./host-policy.ts";

/** The body of a document, or undefined when there is none to be had. Never throws. */
export type GetDocument = (url: string, signal: AbortSignal) => Promise<string | undefined>;

const maxBytes = 64 * 1024;
const maxRedirects = 3;

/**
 * @param checkWeb resolves and checks a web host: a policy that allows port 443 and nothing private.
 * @param ca another certificate authority than the public ones, PEM.
 */
export function guardedGet(checkWeb: HostPolicy["check"], ca?: string): GetDocument {
  return async (url, signal) => {
    let next: string | undefined = url;
    for (let hop = 0; hop <= maxRedirects && next !== undefined; hop++) {
      const answer: Answer | undefined = await getOnce(next, checkWeb, ca, signal).catch(() => undefined);
      if (answer === undefined || answer.body !== undefined) return answer?.body;
      next = answer.location;
    }
    return undefined;
  };
}

interface Answer {
  readonly body?: string;
  readonly location?: string;
}

async function getOnce(
  text: string,
  checkWeb: HostPolicy["check"],
  ca: string | undefined,
  signal: AbortSignal,
): Promise<Answer> {
  const url = new URL(text);
  if (url.protocol !== "https:" || url.username !== "") throw new Error("only plain https");
  const port = url.port === "" ? 443 : Number(url.port);
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const checked = await checkWeb({ host, port, security: "tls" });
  return new Promise((resolve, reject) => {
    const call = request(
      url,
      {
        lookup: pinnedLookup(checked.addresses),
        signal,
        agent: false,
        headers: { accept: "text/xml, application/xml" },
        ...(ca === undefined ? {} : { ca }),
      },
      (response) => {
        const status = response.statusCode ?? 0;
        const location = response.headers.location;
        if (status >= 300 && status < 400 && location !== undefined) {
          response.destroy();
          resolve({ location: new URL(location, url).href });
          return;
        }
        if (status !== 200) {
          response.destroy();
          resolve({});
          return;
        }
        const chunks: Buffer[] = [];
        let size = 0;
        response.on("data", (chunk: Buffer) => {
          size += chunk.length;
          chunks.push(chunk);
          if (size > maxBytes) response.destroy(new Error("too large"));
        });
        response.on("end", () => resolve({ body: Buffer.concat(chunks).toString("utf8") }));
        response.on("error", reject);
      },
    );
    call.on("error", reject);
    call.end();
  });
}
