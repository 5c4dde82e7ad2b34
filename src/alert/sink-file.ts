import { dirname, resolve } from 'node:path';
import type { Writable } from 'node:stream';
import { z } from 'zod';
import type { Clock } from '../runtime/clock.ts';
import { invalidConfig, readConfigText, readYamlFile } from '../runtime/yaml-file.ts';
import { checkOutboundUrl } from './outbound.ts';
import type { Sink } from './sink.ts';
import { alertmanagerSink } from './sinks/alertmanager.ts';
import { commandSink } from './sinks/command.ts';
import { stdoutSink } from './sinks/stdout.ts';
import { syslogSink } from './sinks/syslog.ts';
import { webhookSink } from './sinks/webhook.ts';

/** Sinks of one process. */
const SINKS_MAX = 16;

const name: z.ZodString = z.string().regex(/^[a-z0-9][a-z0-9-]{0,31}$/, 'a-z, 0-9 and "-", at most 32');
const text: z.ZodString = z.string().min(1).max(1_000);
const httpUrl = z.url({ protocol: /^https?$/ });
const port = z.number().int().min(1).max(65_535);

const webhook = z.strictObject({
  ...{ name, type: z.literal('webhook'), url: httpUrl, secretFile: text },
  allowInternal: z.boolean().default(false),
});
const alertmanager = z.strictObject({ name, type: z.literal('alertmanager'), url: httpUrl });
const email = z.strictObject({
  ...{ name, type: z.literal('email'), host: text, port },
  ...{ secure: z.boolean().default(false), user: text.optional(), passwordFile: text.optional() },
  ...{ from: text, to: z.array(text).min(1).max(50) },
});
const syslog = z.strictObject({
  ...{ name, type: z.literal('syslog') },
  address: z
    .string()
    .regex(
      /^(?:udp|tcp):\/\/(?:\[[0-9a-fA-F:.]+\]|[^/:@\s]+):[1-9][0-9]{0,4}$/,
      'udp://host:port or tcp://host:port',
    ),
});
const command = z.strictObject({
  ...{ name, type: z.literal('command') },
  command: z.tuple([text], text),
});
const stdout = z.strictObject({ name, type: z.literal('stdout') });

const sinkSchema = z.discriminatedUnion('type', [webhook, alertmanager, email, syslog, command, stdout]);
const fileSchema = z.strictObject({ sinks: z.array(sinkSchema).max(SINKS_MAX) });
type SinkSettings = z.infer<typeof sinkSchema>;

/** What sinks are made with. */
export interface SinkDeps {
  readonly clock: Clock;
  readonly stdout: Writable;
}

/**
 * The sinks that a YAML file names. Secrets are in files of their own, whose names count from the folder of this one.
 * @throws TlogError invalid_config; the message names the place and shows no secret
 */
export async function readSinkFile(path: string, deps: SinkDeps): Promise<Sink[]> {
  const { sinks } = await readYamlFile(path, fileSchema);
  const names = new Set(sinks.map((sink) => sink.name));
  if (names.size !== sinks.length) throw invalidConfig(path, 'two sinks have one name');
  return Promise.all(sinks.map((sink) => makeSink(sink, dirname(path), deps)));
}

async function makeSink(sink: SinkSettings, folder: string, deps: SinkDeps): Promise<Sink> {
  switch (sink.type) {
    case 'webhook':
      return makeWebhook(sink, folder, deps);
    case 'alertmanager':
      return alertmanagerSink({ name: sink.name, url: new URL(sink.url) });
    case 'email':
      return makeEmail(sink, folder);
    case 'syslog':
      return syslogSink({ name: sink.name, address: new URL(sink.address) });
    case 'command':
      return commandSink({ name: sink.name, command: [sink.command[0], ...sink.command.slice(1)] });
    case 'stdout':
      return stdoutSink({ name: sink.name, stream: deps.stdout });
  }
}

async function makeWebhook(
  sink: z.infer<typeof webhook>,
  folder: string,
  { clock }: SinkDeps,
): Promise<Sink> {
  const url = new URL(sink.url);
  if (!sink.allowInternal) checkOutboundUrl(url);
  const secret = await secretIn(resolve(folder, sink.secretFile));
  return webhookSink({ name: sink.name, url, secret, allowInternal: sink.allowInternal, clock });
}

async function makeEmail(sink: z.infer<typeof email>, folder: string): Promise<Sink> {
  const { user, passwordFile, type: _, ...rest } = sink;
  if ((user === undefined) !== (passwordFile === undefined))
    throw invalidConfig(sink.name, 'user and passwordFile belong together');
  // Its library is large, and few have this sink.
  const { emailSink } = await import('./sinks/email.ts');
  if (user === undefined || passwordFile === undefined) return emailSink(rest);
  return emailSink({ ...rest, auth: { user, pass: await secretIn(resolve(folder, passwordFile)) } });
}

async function secretIn(path: string): Promise<string> {
  return (await readConfigText(path)).trim();
}
