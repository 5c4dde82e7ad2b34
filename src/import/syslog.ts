import type { LooseMembers, Mapped } from './draft.ts';
import { wordOf } from './names.ts';
import type { SyslogLine } from './syslog-line.ts';

const SEVERITIES = ['emergency', 'alert', 'critical', 'error', 'warning', 'notice', 'informational', 'debug'];

/** What every line of a system log says: which program said what on which host. Whether anything succeeded is not among it. */
export function mapSyslog(line: SyslogLine): Mapped {
  const program = line.app ?? 'unknown';
  const members: LooseMembers = {
    ...syslogMembers(line),
    action: `${wordOf(program)}.message`,
    kind: 'system',
    operation: 'other',
    outcome: 'unknown',
    actor: { type: 'service', id: program },
  };
  return { members, rest: syslogRest(line) };
}

/** Members that lines have in common, whatever the message says. */
export function syslogMembers({ time, host, app, priority }: SyslogLine): LooseMembers {
  const severity = priority === undefined ? undefined : SEVERITIES[priority % 8];
  return { time, service: { name: app, component: host }, labels: { severity } };
}

/** The rest of a line: all but time, host and program. */
export function syslogRest({ pid, priority, messageId, structured, message }: SyslogLine): Mapped['rest'] {
  return {
    message,
    ...(pid === undefined ? {} : { pid }),
    ...(priority === undefined ? {} : { priority }),
    ...(messageId === undefined ? {} : { messageId }),
    ...(structured === undefined ? {} : { structured }),
  };
}
