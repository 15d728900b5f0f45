/** The examples that users copy, in docstrings and in the README, read as text. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { examplesOf } from '../support/readme.ts';

const src = resolve(import.meta.dirname, '../../src');

/** The examples in the docstrings of a file, each with its lines. */
const examplesIn = (file: string): readonly string[] =>
  [...readFileSync(join(src, file), 'utf8').matchAll(/\/\*\*[\s\S]*?\*\//g)].flatMap(([comment]) =>
    comment
      .replace(/^\s*\* ?/gm, '')
      .split('@example')
      .slice(1),
  );

/** What never errors. */
const neverErrs =
  /(?:closed\$|closeGracefully\([^()]*\)|signal\$\([^()]*\)|acknowledgedChanges\([^()]*\)|events\$|changes\$)$/;

/** The subscriptions in a text that would let an error end the process. */
function unhandled(text: string): readonly string[] {
  return [...text.matchAll(/^(.*)\.subscribe\(/gm)].flatMap((match) => {
    if (neverErrs.test(match[1]!)) return [];
    const from = match.index + match[0].length;
    let depth = 1;
    let to = from;
    for (; depth > 0 && to < text.length; to++) {
      if ('({['.includes(text[to]!)) depth++;
      if (')}]'.includes(text[to]!)) depth--;
    }
    return /^\s*\{[\s\S]*\berror\b/.test(text.slice(from, to)) ? [] : [match[0]];
  });
}

describe('an example that subscribes handles errors, since a copy of one that does not ends its process:', () => {
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.ts'),
  );
  const subscribing = files.filter((file) => examplesIn(file).some((text) => text.includes('.subscribe(')));

  test.each(subscribing)('%s', (file) => {
    expect(examplesIn(file).flatMap(unhandled)).toEqual([]);
  });

  const inDocuments = [...examplesOf('ts example'), ...examplesOf('js server')];
  test.each(inDocuments.filter(({ code }) => code.includes('.subscribe(')))('$place', ({ code }) => {
    // There `events$` is the server's, which errs when its port is taken.
    expect(unhandled(code.replaceAll('events$', 'server$'))).toEqual([]);
  });
});
