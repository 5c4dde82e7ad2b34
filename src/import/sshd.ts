import type { LooseMembers, Mapped } from './draft.ts';
import { mapSyslog, syslogMembers, syslogRest } from './syslog.ts';
import type { SyslogLine } from './syslog-line.ts';

interface Said {
  readonly action: string;
  readonly operation: string;
  readonly outcome: string;
  readonly forms: readonly RegExp[];
}

const { raw } = String;
/** Where a connection comes from. A name may hold the same words: the last ones are those of sshd. */
const FROM = raw`from (?<ip>\S+?)(?: port (?<port>[0-9]+))?`;
const PREAUTH = raw`(?: \[preauth\])?`;
const ENDED = raw`(?:Connection (?:closed|reset) by|Disconnected from)`;
const TOO_MANY =
  '(?:error: maximum authentication attempts exceeded|Disconnecting: Too many authentication failures)';
const AUTHENTICATION = raw`(?:pam_\w+\(sshd:auth\): |PAM [0-9]+ more )authentication failures?`;

function said(action: string, operation: string, outcome: string, forms: readonly string[]): Said {
  return { action, operation, outcome, forms: forms.map((form) => new RegExp(`^${form}$`, 's')) };
}

/** What sshd says; names of users are as the client sent them. */
const SAID: readonly Said[] = [
  said('user.login', 'login', 'success', [raw`Accepted (?<method>\S+) for (?<user>.*) ${FROM}(?: ssh2.*)?`]),
  said('user.login', 'login', 'failure', [
    raw`Failed (?<method>\S+) for (?:invalid user )?(?<user>.*) ${FROM}(?: ssh2.*)?`,
    raw`Invalid user (?<user>.*) ${FROM}`,
    raw`input_userauth_request: invalid user (?<user>.*?)${PREAUTH}`,
  ]),
  said('user.login', 'login', 'denied', [raw`User (?<user>.*) ${FROM} not allowed because .*`]),
  said('user.authenticate', 'login', 'failure', [
    raw`${AUTHENTICATION}; .*\brhost=(?<ip>\S*)(?: +user=(?<user>.*)| *)`,
    raw`pam_\w+\(sshd:auth\): check pass; user unknown`,
  ]),
  said('session.open', 'other', 'success', [
    raw`pam_\w+\(sshd:session\): session opened for user (?<user>.*?)(?:\(uid=[0-9]+\))? by .*`,
  ]),
  said('session.close', 'logout', 'success', [
    raw`pam_\w+\(sshd:session\): session closed for user (?<user>.*)`,
  ]),
  said('connection.close', 'other', 'failure', [
    raw`${TOO_MANY} for (?:invalid user )?(?<user>.*?)(?: ${FROM}(?: ssh2)?)?${PREAUTH}`,
  ]),
  said('connection.close', 'other', 'unknown', [
    raw`(?:error: )?Received disconnect from (?<ip>\S+?)(?:: | port (?<port>[0-9]+):)[0-9]+: .*`,
    raw`${ENDED}(?: (?:invalid|authenticating))? user (?<user>.*) (?<ip>\S+) port (?<port>[0-9]+)${PREAUTH}`,
    raw`${ENDED} (?<ip>\S+)(?: port (?<port>[0-9]+))?${PREAUTH}`,
  ]),
  said('connection.open', 'other', 'success', [raw`Connection from (?<ip>\S+) port (?<port>[0-9]+) on .*`]),
  said('connection.open', 'other', 'failure', [raw`Did not receive identification string ${FROM}`]),
  said('host.check', 'other', 'failure', [
    raw`reverse mapping checking getaddrinfo for \S+ \[(?<ip>[^\]]+)\] failed.*`,
  ]),
];
/** No line of sshd is as long; patterns take a time that grows with the square of it. */
const MESSAGE_LENGTH_MAX = 8_192;
const REPEATED = /^message repeated (?<times>[0-9]+) times: \[ (?<inner>.*)\]$/s;

/** A line of sshd; of another program, what any line says. */
export function mapSshd(line: SyslogLine): Mapped {
  if (!/^sshd(?:-session|-auth)?$/.test(line.app ?? '')) return mapSyslog(line);
  const { inner = line.message, times } = REPEATED.exec(line.message)?.groups ?? {};
  const { known, user, ip, port, method } = partsOf(inner);
  const members: LooseMembers = {
    ...syslogMembers(line),
    action: known?.action ?? 'sshd.message',
    kind: known === undefined ? 'system' : 'authentication',
    operation: known?.operation ?? 'other',
    outcome: known?.outcome ?? 'unknown',
    actor: actorOf(user, ip),
    targets: [{ type: 'host', id: line.host }],
    source: { ip: ip === '' ? undefined : ip },
  };
  const found = {
    ...(port === undefined ? {} : { port }),
    ...(method === undefined ? {} : { method }),
    ...(times === undefined ? {} : { repeated: times }),
  };
  return { members, rest: { ...syslogRest(line), ...found } };
}

interface Parts {
  readonly known?: Said;
  readonly user?: string | undefined;
  readonly ip?: string | undefined;
  readonly port?: string | undefined;
  readonly method?: string | undefined;
}

function partsOf(message: string): Parts {
  if (message.length > MESSAGE_LENGTH_MAX) return {};
  for (const known of SAID)
    for (const form of known.forms) {
      const found = form.exec(message);
      if (found !== null) return { known, ...found.groups };
    }
  return {};
}

/** Who is said to be there; nobody has proven it where the outcome is not success. */
function actorOf(user: string | undefined, ip: string | undefined): LooseMembers {
  if (user !== undefined && user !== '') return { type: 'user', id: user };
  return ip === undefined || ip === '' ? { type: 'service', id: 'sshd' } : { type: 'host', id: ip };
}
