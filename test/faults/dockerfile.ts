import { readFileSync } from 'node:fs';

/** One instruction, its continued lines joined. */
export interface Instruction {
  readonly word: string;
  readonly rest: string;
}

/** One stage, by its name or, without one, its number. */
export interface Stage {
  readonly name: string;
  readonly steps: readonly Instruction[];
}

/** The stages of a Dockerfile, in order. Reads what ours uses: no heredocs, no ARG. */
export function readDockerfile(path: string): readonly Stage[] {
  const stages: { name: string; steps: Instruction[] }[] = [];
  for (const step of instructionsOf(readFileSync(path, 'utf8'))) {
    const name = / AS (\S+)$/i.exec(step.rest)?.[1] ?? String(stages.length);
    if (step.word === 'FROM') stages.push({ name, steps: [] });
    else stages.at(-1)?.steps.push(step);
  }
  return stages;
}

function instructionsOf(text: string): Instruction[] {
  const lines = text.replace(/^\s*#.*\n/gm, '').replace(/\\\n/g, ' ');
  return lines.split('\n').flatMap((line) => {
    const match = /^([A-Z]+)\s+(.*)$/.exec(line.trim());
    return match === null ? [] : [{ word: match[1] ?? '', rest: (match[2] ?? '').trim() }];
  });
}

/** What a stage says last with this word; undefined when it says nothing. */
export function lastOf(stage: Stage, word: string): string | undefined {
  return stage.steps.filter((step) => step.word === word).at(-1)?.rest;
}

/** The words of an instruction in exec form. */
export function execForm(rest: string | undefined): string[] {
  const start = rest?.indexOf('[') ?? -1;
  if (rest === undefined || start < 0) throw new Error(`not in exec form: ${rest}`);
  return JSON.parse(rest.slice(start));
}

/** The variables of ENV. */
export function environmentOf(stage: Stage): Record<string, string> {
  const pairs = (lastOf(stage, 'ENV') ?? '').split(/\s+/).map((pair) => pair.split('='));
  return Object.fromEntries(pairs.map(([name = '', value = '']) => [name, value]));
}
