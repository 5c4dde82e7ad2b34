import { alertText } from '../alert.ts';
import { postJson } from '../post.ts';
import type { Sink } from '../sink.ts';

/** What is still so is told again after a day (ALERT): until then an Alertmanager must not call it resolved. */
const FIRING_MS = 25 * 3_600_000;

/** Where an Alertmanager is: what /api/v2/alerts is put behind. */
export interface AlertmanagerOptions {
  readonly name: string;
  readonly url: URL;
}

/** Hands alerts to a Prometheus Alertmanager (API v2). Its address is the operator's: it may be http and private. */
export function alertmanagerSink({ name, url }: AlertmanagerOptions): Sink {
  const api = new URL(`${url.href.replace(/\/+$/, '')}/api/v2/alerts`);
  return {
    name,
    takesEnds: true,
    async deliver(alert, signal) {
      const { kind, severity, log, source, id, message, next, evidenceFile, at, endedAt } = alert;
      const labels = { alertname: `stele_${kind}`, severity, log, source, id };
      const evidence = evidenceFile === undefined ? {} : { evidence_file: evidenceFile };
      const annotations = { summary: message, description: alertText(alert), next, ...evidence };
      const endsAt = endedAt ?? new Date(Date.parse(at) + FIRING_MS).toISOString();
      const body = JSON.stringify([{ labels, annotations, startsAt: at, endsAt }]);
      await postJson({ url: api, body, signal, allowInternal: true });
    },
  };
}
