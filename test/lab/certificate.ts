import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

export interface Certificate {
  readonly certFile: string;
  readonly keyFile: string;
}

/** A self-signed certificate for `domain`, everything below it, localhost and 127.0.0.1, made once a folder. */
export async function makeCertificate(dir: string, domain = "localhost"): Promise<Certificate> {
  const certFile = join(dir, "cert.pem");
  const keyFile = join(dir, "key.pem");
  if (!existsSync(certFile)) {
    const names = `subjectAltName=DNS:${domain},DNS:*.${domain},DNS:localhost,IP:127.0.0.1`;
    const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    const output = ["-keyout", keyFile, "-out", certFile];
    const args = ["req", "-x509", ...key, "-days", "365", "-subj", `/CN=${domain}`, "-addext", names, ...output];
    await promisify(execFile)("openssl", args, { timeout: 30_000 });
  }
  return { certFile, keyFile };
}
