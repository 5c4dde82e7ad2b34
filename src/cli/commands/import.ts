import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { type Command, Option } from 'commander';
import { TlogError } from '../../core/error.ts';
import { parseFieldMap } from '../../import/field-map.ts';
import {
  createMapping,
  IMPORT_FORMATS,
  type ImportFormat,
  type ImportOptions,
} from '../../import/import-format.ts';
import { S3_ACCESS_MAP } from '../../import/s3-access-map.ts';
import { zoneOf } from '../../import/time.ts';
import { accessToken, type CommandContext, type CommandHost, tokenFlags } from '../context.ts';
import { eventBatches } from '../event-batches.ts';
import { EXIT, type ExitCode, UsageError } from '../exit-code.ts';
import { type ImportCounts, Importer } from '../importer.ts';
import { readable, showProgress } from '../input.ts';
import { reachLog } from '../log-access.ts';
import { progressBar } from '../progress-bar.ts';
import { RefusedFile } from '../refused-file.ts';
import { say, writeJson } from '../terminal.ts';

interface ImportFlags {
  readonly format: ImportFormat;
  readonly map?: string;
  readonly year?: string;
  readonly timezone?: string;
  readonly refused: string;
}

/** `stele import --format F FILE…|-`: records of other systems as audit events, resumed when run again. */
export function registerImport(program: Command, host: CommandHost): void {
  const command = tokenFlags(
    program
      .command('import')
      .description(
        'append records of other systems as events; a second run with the same input goes on where it ended',
      )
      .argument('<file...>', 'files, or - for stdin')
      .addOption(
        new Option('--format <format>', 'what the records are')
          .choices([...IMPORT_FORMATS])
          .makeOptionMandatory(),
      )
      .option('--map <file>', 'of csv and json: says which member comes from where; s3-access is shipped')
      .option('--year <year>', 'of the first line of sshd or syslog that has none')
      .option('--timezone <zone>', 'of times that have none: UTC, +02:00 or a name such as Europe/Berlin')
      .option(
        '--refused <file>',
        'where what cannot be imported is appended, with the reason',
        'refused.jsonl',
      )
      .option('--server <url>', 'base URL of the server (STELE_SERVER; default http://127.0.0.1:8080)')
      .option('--log <name>', 'name of a log of events (STELE_LOG; default audit)'),
  );
  host.bind<[string[]]>(command, runImport, { log: 'audit' });
}

/** Exit 1 when something was refused: it is not in the log. */
async function runImport(context: CommandContext, files: string[], command: Command): Promise<ExitCode> {
  const flags: ImportFlags = command.opts();
  const plan = await planOf(flags);
  const { calls } = await reachLog(context, {});
  const secret = (await accessToken(context.config)) ?? '';
  await using refused = new RefusedFile(flags.refused);
  for (const file of files) {
    const importer = new Importer(calls, (record, error) => refused.add(file, record, error));
    const input = file === '-' ? context.terminal.stdin : createReadStream(file);
    await readable(file, importFile(context, importer, { ...plan, secret, file, input }));
    await report(context, file, importer.counts);
  }
  if (refused.count === 0) return EXIT.ok;
  say(context.terminal, `${refused.path} has what was refused, and why.`);
  return EXIT.failed;
}

/** How records are mapped. */
interface ImportPlan {
  readonly format: ImportFormat;
  readonly options: ImportOptions;
  /** All that the events depend on beside the records. */
  readonly mappedBy: string;
}

async function planOf({ format, map, year, timezone }: ImportFlags): Promise<ImportPlan> {
  if (year !== undefined && !/^[0-9]{4}$/.test(year))
    throw new UsageError(`not a year of four digits: ${year}`);
  const zone = timezone === undefined ? undefined : zoneOf(timezone);
  if (timezone !== undefined && zone === undefined)
    throw new UsageError(`not a timezone, such as UTC, +02:00 or Europe/Berlin: ${timezone}`);
  if (map === undefined && (format === 'csv' || format === 'json'))
    throw new UsageError(`--format ${format} needs --map`);
  const text = map === undefined ? undefined : await mapText(map);
  const fields = text === undefined ? undefined : parseFieldMap(text);
  const options = { year: year === undefined ? undefined : Number(year), zone, map: fields };
  return { format, options, mappedBy: JSON.stringify([format, year, timezone, text]) };
}

async function mapText(map: string): Promise<string> {
  if (map === 's3-access') return S3_ACCESS_MAP;
  try {
    return await readFile(map, 'utf8');
  } catch (cause) {
    throw new UsageError(`cannot read the map ${map}: ${(cause as Error).message}`, { cause });
  }
}

interface ImportSource extends ImportPlan {
  readonly secret: string;
  readonly file: string;
  readonly input: Readable;
}

async function importFile(context: CommandContext, importer: Importer, source: ImportSource): Promise<void> {
  const { file, input, format, options, mappedBy, secret } = source;
  using bar = progressBar(context.terminal, file === '-' ? 'events' : file);
  const batches = eventBatches(input, {
    ...{ map: createMapping(format, options), quoted: format === 'csv', mappedBy, secret },
    refuse: (record, error) => importer.refuse(record, error),
  });
  try {
    await importer.run(batches, () => showProgress(bar, source, importer.done));
  } catch (error) {
    throw withOption(error);
  }
}

/** A record that needs an option is a wrong command line. */
function withOption(error: unknown): unknown {
  if (!(error instanceof TlogError) || error.details['option'] === undefined) return error;
  return new UsageError(`${error.message}: give --${error.details['option']}`, { cause: error });
}

async function report(context: CommandContext, file: string, counts: ImportCounts): Promise<void> {
  if (context.json) return writeJson(context.terminal, { file, ...counts });
  const { new: fresh, known, refused } = counts;
  say(context.terminal, `${file}: ${fresh} new events, ${known} known, ${refused} refused.`);
}
