import type { LooseMembers, Mapped } from './draft.ts';
import { jsonMembers, type Members } from './members.ts';
import { idOf, wordOf } from './names.ts';
import { unmappable } from './refusal.ts';
import { ownTime, utcTime, type Zone } from './time.ts';
import { SECURITY_ACTIONS, SYSMON_ACTIONS, type WindowsAction } from './windows-ids.ts';

const SECURITY = 'Microsoft-Windows-Security-Auditing';
const SYSMON = 'Microsoft-Windows-Sysmon';
/** The security identifier of nobody. */
const NULL_SID = 'S-1-0-0';

/**
 * One event of the Windows event log as NXLog writes it in JSON, members of system and event in one object. EventTime is local
 * time: it is used where `zone` is given, otherwise Sysmon's UtcTime or the time of collection.
 * @throws TlogError unmappable_record
 */
export function mapWindowsEvent(record: Uint8Array, { zone }: { readonly zone?: Zone | undefined }): Mapped {
  const of = jsonMembers(record);
  const eventId = of.peek('/EventID');
  if (typeof eventId !== 'number') throw unmappable('has no EventID that is a number');
  const time = timeOf(of, zone);
  const { action, kind, operation } = actionOf(of, eventId);
  const outcome = outcomeOf(of.peekText('/EventType'));
  const members: LooseMembers = {
    id: idOf(
      'windows',
      of.peekText('/Hostname'),
      of.peekText('/Channel'),
      of.peekText('/RecordNumber'),
      time,
    ),
    ...{ time, action, kind, operation, outcome },
    reason:
      outcome === 'failure' ? { code: of.take('/Status'), message: of.take('/FailureReason') } : undefined,
    actor: actorOf(of, eventId),
    targets: targetsOf(of, eventId),
    source: { ip: of.take(['/IpAddress', '/SourceIp', '/SourceAddress'], 256) },
    service: { name: of.take('/SourceName', 200), component: of.take('/Hostname', 200) },
  };
  return { members, rest: of.rest() };
}

function timeOf(of: Members, zone: Zone | undefined): string {
  const utc = of.peekText('/UtcTime');
  const local = of.peekText('/EventTime');
  const collected = of.peekText('/@timestamp');
  if (utc !== undefined) return utcTime(utc, () => 0);
  if (local !== undefined && (zone !== undefined || collected === undefined)) return utcTime(local, zone);
  if (collected !== undefined) return ownTime(collected);
  throw unmappable('has neither UtcTime nor EventTime nor @timestamp');
}

function actionOf(of: Members, eventId: number): WindowsAction {
  const source = of.peekText('/SourceName') ?? 'windows';
  const known = source === SYSMON ? SYSMON_ACTIONS.get(eventId) : SECURITY_ACTIONS.get(eventId);
  if (known !== undefined && (source === SECURITY || source === SYSMON || eventId === 1102)) return known;
  const word = wordOf(source.replace(/^Microsoft-Windows-/, ''));
  return { action: `${word}.${eventId}`, kind: 'system', operation: 'other' };
}

function outcomeOf(eventType: string | undefined): string {
  if (eventType === 'AUDIT_SUCCESS') return 'success';
  return eventType === 'AUDIT_FAILURE' || eventType === 'ERROR' ? 'failure' : 'unknown';
}

/** Events that an account brought about that is called their target: logins, logouts, tickets. */
const BY_TARGET: readonly number[] = [4624, 4625, 4634, 4647, 4768, 4769, 4771, 4776];

/** Whoever logged in or out, or else on whose behalf it was done, or else the process that did it. */
function actorOf(of: Members, eventId: number): LooseMembers {
  return (
    (BY_TARGET.includes(eventId) ? actingAccount(of, 'Target') : undefined) ??
    actingAccount(of, 'Subject') ??
    named(of, 'user', '/User') ??
    processOf(of) ??
    systemAccountOf(of) ?? { type: 'host', id: of.peekText('/Hostname') ?? 'unknown' }
  );
}

function actingAccount(of: Members, role: 'Subject' | 'Target'): LooseMembers | undefined {
  const account = accountOf(of, role);
  return account === undefined ? undefined : { ...account, session: of.take(`/${role}LogonId`) };
}

function accountOf(of: Members, role: 'Subject' | 'Target'): LooseMembers | undefined {
  const isNobody = of.peekText(`/${role}UserSid`) === NULL_SID;
  const id = (isNobody ? undefined : of.take(`/${role}UserSid`)) ?? of.take(`/${role}UserName`);
  return id === undefined ? undefined : { type: 'user', id, name: of.take(`/${role}UserName`) };
}

function named(of: Members, type: string, pointer: string): LooseMembers | undefined {
  const id = of.take(pointer);
  return id === undefined ? undefined : { type, id };
}

function processOf(of: Members): LooseMembers | undefined {
  const id = of.take(['/SourceImage', '/Image']);
  if (id === undefined) return undefined;
  return { type: 'process', id, session: of.take(['/SourceProcessGUID', '/ProcessGuid']) };
}

/** As whom the program ran that wrote the event. */
function systemAccountOf(of: Members): LooseMembers | undefined {
  const id = of.take('/UserID');
  return id === undefined ? undefined : { type: 'user', id, name: of.take('/AccountName') };
}

/** Members that name what was acted on, and what sort of thing it is. */
const TARGETS: readonly (readonly [string, string])[] = [
  ['/NewProcessName', 'process'],
  ['/Image', 'process'],
  ['/TargetImage', 'process'],
  ['/ImageLoaded', 'image'],
  ['/ObjectName', 'object'],
  ['/TargetObject', 'registry'],
  ['/TargetFilename', 'file'],
  ['/ShareName', 'share'],
  ['/RelativeTargetName', 'file'],
  ['/PipeName', 'pipe'],
  ['/ServiceName', 'service'],
  ['/TaskName', 'task'],
  ['/FilterName', 'filter'],
  ['/QueryName', 'domain'],
  ['/DestinationIp', 'host'],
  ['/DestAddress', 'host'],
  ['/MemberSid', 'user'],
];

/** The account too that was acted on, where it is not the actor. */
function targetsOf(of: Members, eventId: number): (LooseMembers | undefined)[] {
  const objectType = of.peekText('/ObjectType')?.toLowerCase() ?? 'object';
  const found = TARGETS.map(([pointer, type]) =>
    named(of, type === 'object' && objectType.length <= 100 ? objectType : type, pointer),
  );
  return BY_TARGET.includes(eventId) ? found : [...found, accountOf(of, 'Target')];
}
