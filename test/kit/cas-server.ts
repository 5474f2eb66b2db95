// A single sign-on server that speaks as much CAS 2.0 as Synapse asks for. Whoever comes is `user`, without a question.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export interface CasServer {
  readonly baseUrl: string;
  /** Who is logged in there now. */
  user: string;
  stop(): Promise<void>;
}

export async function startCasServer(user: string): Promise<CasServer> {
  const tickets = new Map<string, string>();
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://cas");
    if (url.pathname === "/login") {
      const back = new URL(url.searchParams.get("service") ?? "");
      const ticket = `ST-${tickets.size}`;
      tickets.set(ticket, cas.user);
      back.searchParams.set("ticket", ticket);
      response.writeHead(302, { location: back.href }).end();
      return;
    }
    const who = tickets.get(url.searchParams.get("ticket") ?? "");
    response.writeHead(who === undefined ? 403 : 200, { "content-type": "application/xml" });
    response.end(`<cas:serviceResponse xmlns:cas="http://www.yale.edu/tp/cas"><cas:authenticationSuccess>
      <cas:user>${who}</cas:user></cas:authenticationSuccess></cas:serviceResponse>`);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const cas: CasServer = {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    user,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return cas;
}
