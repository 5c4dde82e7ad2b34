import { isList, isObject } from '../core/encoding/canonical-json.ts';
import type { JsonObject, JsonValue } from '../core/encoding/strict-json.ts';
import type { LooseMembers, Mapped } from './draft.ts';
import { jsonMembers, type Members } from './members.ts';
import { idOf, wordOf } from './names.ts';
import { unmappable } from './refusal.ts';
import { ownTime } from './time.ts';

const TARGETS_MAX = 32;

/** One event of AWS CloudTrail in JSON. @throws TlogError unmappable_record */
export function mapCloudTrail(record: Uint8Array): Mapped {
  const of = jsonMembers(record);
  if (of.peek('/Records') !== undefined) throw unmappable('is a list: give each item of Records a line');
  const eventName = of.peekText('/eventName');
  const time = of.take(['/eventTime', '/@timestamp']);
  if (eventName === undefined || time === undefined)
    throw unmappable('has no eventName, or neither eventTime nor @timestamp');
  const errorCode = of.peekText('/errorCode');
  const members: LooseMembers = {
    id: idFrom(of),
    time: ownTime(time),
    action: `${serviceOf(of.peekText('/eventSource'))}.${wordOf(eventName)}`,
    kind: kindOf(of, eventName),
    operation: operationOf(of.peek('/readOnly'), eventName),
    outcome: outcomeOf(of, errorCode),
    reason: { code: of.take('/errorCode'), message: of.take('/errorMessage', 8_192) },
    actor: actorOf(of),
    targets: targetsOf(of),
    source: { ip: of.take('/sourceIPAddress', 256), user_agent: of.take('/userAgent', 8_192) },
    service: { name: of.take('/eventSource', 200) },
    tenant: of.take('/recipientAccountId', 200),
    trace: { request_id: of.take('/requestID', 200) },
  };
  return { members, rest: of.rest() };
}

function idFrom(of: Members): string | undefined {
  const eventId = of.peekText('/eventID');
  if (eventId === undefined || idOf(eventId) !== eventId) return undefined;
  return of.take('/eventID');
}

/** `ec2` of `ec2.amazonaws.com`. */
function serviceOf(eventSource = 'aws'): string {
  return wordOf(eventSource.replace(/\.amazonaws\.com$/, ''));
}

function kindOf(of: Members, eventName: string): string {
  if (isLogin(eventName)) return 'authentication';
  return of.peekText('/eventCategory') === 'Data' ? 'data' : 'api';
}

function isLogin(eventName: string): boolean {
  return /^(?:ConsoleLogin|CheckMfa|SwitchRole|ExitRole)$/.test(eventName);
}

/** First words of names of calls; the longest words first, where one begins another. */
const VERBS: readonly (readonly [RegExp, string])[] = [
  [/^ConsoleLogin$/, 'login'],
  [/^(?:Get|List|Describe|Head|Lookup|Search|Query|Scan|BatchGet|Select)(?=[A-Z]|$)/, 'read'],
  [/^(?:Create|Run|Allocate|Register|Import|Copy|Request|Issue|Launch)(?=[A-Z]|$)/, 'create'],
  [/^(?:Delete|Remove|Terminate|Deregister|Release|Purge)(?=[A-Z]|$)/, 'delete'],
  [/^(?:Authorize|Attach\w*Policy|AddUserToGroup)/, 'grant'],
  [/^(?:Revoke|Detach\w*Policy)/, 'revoke'],
  [
    /^(?:Update|Modify|Put|Set|Change|Reset|Enable|Disable|Tag|Untag|Add|Associate|Disassociate|Attach|Detach)(?=[A-Z]|$)/,
    'update',
  ],
  [/^(?:Assume|Invoke|Execute|Start|Stop|Reboot|Send|Publish)(?=[A-Z]|$)/, 'execute'],
];

function operationOf(readOnly: JsonValue | undefined, eventName: string): string {
  const isLoggingIn = eventName === 'ConsoleLogin';
  if (!isLoggingIn && (readOnly === true || readOnly === 'true')) return 'read';
  const verb = VERBS.find(([form]) => form.test(eventName));
  return verb?.[1] ?? 'other';
}

const DENIED = /AccessDenied|Unauthorized|Forbidden|NotAuthorized/i;

function outcomeOf(of: Members, errorCode: string | undefined): string {
  if (errorCode !== undefined) return DENIED.test(errorCode) ? 'denied' : 'failure';
  if (of.peekText('/errorMessage') !== undefined) return 'failure';
  return of.peek('/responseElements/ConsoleLogin') === 'Failure' ? 'failure' : 'success';
}

/** Who called: the identity that a session was begun with where it is told, and then the role as whose rights were used. */
function actorOf(of: Members): LooseMembers {
  const who = '/userIdentity';
  const sourceIdentity = of.take(`${who}/sessionContext/sourceIdentity`);
  const own: LooseMembers = {
    type: of.take(`${who}/type`, 100) ?? 'unknown',
    id: of.take([`${who}/arn`, `${who}/principalId`, `${who}/invokedBy`, `${who}/accountId`]) ?? 'unknown',
    name: of.take(`${who}/userName`),
    session: of.take(`${who}/accessKeyId`),
  };
  const issuer = `${who}/sessionContext/sessionIssuer`;
  const role = {
    id: of.take([`${issuer}/arn`, `${issuer}/principalId`]),
    name: of.take(`${issuer}/userName`),
  };
  const type = of.take(`${issuer}/type`, 100) ?? 'role';
  const effective = role.id === undefined ? undefined : { type, ...role };
  if (sourceIdentity === undefined) return { ...own, effective };
  return { type: 'sourceIdentity', id: sourceIdentity, effective: { ...own, effective } };
}

/** The resources that are named; where they have members of more kinds than a target, they stay in the rest as well. */
function targetsOf(of: Members): LooseMembers[] | undefined {
  const resources = of.peek('/resources');
  if (resources === undefined || !isList(resources)) return undefined;
  const named = resources.filter(isObject).flatMap((resource) => {
    const target = targetOf(resource);
    return target === undefined ? [] : [target];
  });
  const isAll = named.length === resources.length && resources.every(isTold) && named.length <= TARGETS_MAX;
  if (isAll) of.drop('/resources');
  return named.slice(0, TARGETS_MAX);
}

function targetOf({ ARN, type, accountId }: JsonObject): LooseMembers | undefined {
  if (!isText(ARN, 1_024)) return undefined;
  const parent = isText(accountId, 1_024) ? accountId : undefined;
  return { type: isText(type, 100) ? type : 'resource', id: ARN, parent };
}

function isTold(resource: JsonValue): boolean {
  if (!isObject(resource)) return false;
  return Object.entries(resource).every(([name, value]) => {
    if (name === 'type') return isText(value, 100);
    return (name === 'ARN' || name === 'accountId') && isText(value, 1_024);
  });
}

function isText(value: JsonValue | undefined, lengthMax: number): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= lengthMax;
}
