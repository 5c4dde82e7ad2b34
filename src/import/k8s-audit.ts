import { isList } from '../core/encoding/canonical-json.ts';
import type { JsonValue } from '../core/encoding/strict-json.ts';
import type { LooseMembers, Mapped } from './draft.ts';
import { jsonMembers, type Members } from './members.ts';
import { idOf, wordOf } from './names.ts';
import { unmappable } from './refusal.ts';
import { ownTime } from './time.ts';

const OPERATIONS: Readonly<Record<string, string>> = {
  get: 'read',
  list: 'read',
  watch: 'read',
  head: 'read',
  options: 'read',
  create: 'create',
  post: 'create',
  update: 'update',
  patch: 'update',
  put: 'update',
  delete: 'delete',
  deletecollection: 'delete',
  connect: 'execute',
  impersonate: 'execute',
  bind: 'grant',
  escalate: 'grant',
  approve: 'grant',
};

/** One audit event of Kubernetes (audit.k8s.io/v1) in JSON. @throws TlogError unmappable_record */
export function mapK8sAudit(record: Uint8Array): Mapped {
  const of = jsonMembers(record);
  if (of.peekText('/kind') === 'EventList')
    throw unmappable('is an EventList: give each of its items a line');
  const verb = of.peekText('/verb');
  const time = of.take(['/requestReceivedTimestamp', '/stageTimestamp']);
  if (verb === undefined || time === undefined)
    throw unmappable('has no verb, or neither requestReceivedTimestamp nor stageTimestamp');
  const members: LooseMembers = {
    id: idFrom(of),
    time: ownTime(time),
    action: `${resourceOf(of)}.${wordOf(verb)}`,
    kind: 'api',
    operation: OPERATIONS[verb] ?? 'other',
    outcome: outcomeOf(of.peek('/responseStatus/code')),
    reason: { code: of.take('/responseStatus/reason'), message: of.take('/responseStatus/message', 8_192) },
    actor: actorOf(of),
    targets: [targetOf(of)],
    source: sourceOf(of),
    service: { name: 'kube-apiserver' },
  };
  return { members, rest: of.rest() };
}

/** A request is told at several stages: each is an event. */
function idFrom(of: Members): string | undefined {
  const id = idOf(of.peekText('/auditID'), of.peekText('/stage'));
  if (id === `${of.peekText('/auditID')}:${of.peekText('/stage')}`) of.drop('/auditID');
  return id;
}

function resourceOf(of: Members): string {
  const named = [of.peekText('/objectRef/resource'), of.peekText('/objectRef/subresource')];
  const words = named.filter((name) => name !== undefined).map(wordOf);
  return words.length === 0 ? 'nonresource' : words.join('.');
}

function outcomeOf(code: JsonValue | undefined): string {
  if (typeof code !== 'number') return 'unknown';
  if (code < 400) return 'success';
  return code === 401 || code === 403 ? 'denied' : 'failure';
}

/** The user who was authenticated; who was impersonated is the identity whose rights were used. */
function actorOf(of: Members): LooseMembers {
  const who = userOf(of, '/user') ?? { type: 'user', id: 'unknown' };
  return { ...who, effective: userOf(of, '/impersonatedUser') };
}

function userOf(of: Members, pointer: string): LooseMembers | undefined {
  const username = of.take(`${pointer}/username`);
  if (username === undefined) return undefined;
  const type = username.startsWith('system:serviceaccount:') ? 'serviceaccount' : 'user';
  return { type, id: username, groups: textsAt(of, `${pointer}/groups`, { max: 256, lengthMax: 1_024 }) };
}

function targetOf(of: Members): LooseMembers {
  const ref = '/objectRef';
  const type = of.take(`${ref}/resource`, 100);
  if (type === undefined) return { type: 'path', id: of.take('/requestURI') ?? 'unknown' };
  const name = of.take(`${ref}/name`);
  const uid = of.take(`${ref}/uid`);
  return {
    type,
    id: uid ?? name ?? '*',
    name: uid === undefined ? undefined : name,
    parent: of.take(`${ref}/namespace`),
  };
}

/** All but the last address can be set by the client. */
function sourceOf(of: Members): LooseMembers {
  const ips = textsAt(of, '/sourceIPs', { max: 33, lengthMax: 256 }) ?? [];
  return { ip: ips.at(-1), forwarded: ips.slice(0, -1), user_agent: of.take('/userAgent', 8_192) };
}

/** Takes a list of texts, where all fit. */
function textsAt(
  of: Members,
  pointer: string,
  { max, lengthMax }: { max: number; lengthMax: number },
): string[] | undefined {
  const value = of.peek(pointer);
  if (value === undefined || !isList(value) || value.length > max) return undefined;
  const texts = value.filter((item) => typeof item === 'string');
  const fit = texts.filter(({ length }) => length > 0 && length <= lengthMax);
  if (fit.length < value.length) return undefined;
  of.drop(pointer);
  return fit;
}
