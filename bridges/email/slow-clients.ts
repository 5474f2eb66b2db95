// Slow-loris: a client that sends a byte now and then never falls silent, so each connection also has an end in all.
import type { SMTPServer } from "smtp-server";

/**
 * Close connections that have not finished a mail within `limit` ms of connecting or of their last mail.
 * @returns a handle that stops watching.
 */
export function watchSlowClients(server: SMTPServer, limit: number): { close(): void } {
  const begun = new WeakMap<object, { transaction: number; at: number }>();
  const look = (): void => {
    const now = Date.now();
    for (const connection of server.connections) {
      const { transaction } = connection.session;
      const known = begun.get(connection);
      if (known === undefined || known.transaction !== transaction) begun.set(connection, { transaction, at: now });
      else if (now - known.at > limit) connection.send(421, "4.4.2 Too slow, closing the connection");
    }
  };
  const timer = setInterval(look, Math.max(50, limit / 10));
  timer.unref();
  return { close: () => clearInterval(timer) };
}
