import { createTransport } from 'nodemailer';
import { TlogError } from '../../core/error.ts';
import { alertText, alertTitle, tellingId } from '../alert.ts';
import type { Sink } from '../sink.ts';

/** A mail server, and whom to write to. */
export interface EmailOptions {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** TLS from the first byte; otherwise STARTTLS where the server has it, and always before a password is sent. */
  readonly secure: boolean;
  readonly auth?: { readonly user: string; readonly pass: string };
  readonly from: string;
  readonly to: readonly string[];
}

/** Mails each alert over SMTP, a connection each. The Message-ID is the same for each try, so that a repeat can be told. */
export function emailSink(options: EmailOptions): Sink {
  const { name, host, port, secure, auth, from, to } = options;
  const login = auth === undefined ? {} : { auth: { ...auth }, requireTLS: true };
  const limits = { connectionTimeout: 10_000, greetingTimeout: 10_000, socketTimeout: 20_000 };
  // What an alert says must never be taken for the name of a file or a page to attach.
  const access = { disableFileAccess: true, disableUrlAccess: true };
  return {
    name,
    async deliver(alert, signal) {
      const transport = createTransport({ host, port, secure, ...login, ...limits, ...access });
      try {
        const messageId = `<${tellingId(alert)}@stele.invalid>`;
        const date = new Date(alert.at);
        const text = alertText(alert);
        const mail = { from, to: [...to], subject: alertTitle(alert), text, messageId, date };
        const { rejected } = await Promise.race([transport.sendMail(mail), whenAborted(signal)]);
        if (rejected.length > 0) throw new Error(`refused for ${rejected.length} of ${to.length} receivers`);
      } catch (cause) {
        throw new TlogError('not_delivered', `${host}:${port}: ${(cause as Error).message}`, { cause });
      } finally {
        transport.close();
      }
    },
  };
}

/** The connection itself ends at its own limits: the library has no way to cut it. */
function whenAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error('no answer in time')), { once: true });
  });
}
