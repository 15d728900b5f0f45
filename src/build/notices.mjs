/** Writes the licences of the packages that are bundled with the command line. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromRoot } from './paths.mjs';

const LICENCE_FILE = /^(licen[cs]e|copying)\b/i;
const NOTICE_FILE = /^notice\b/i;

/**
 * @param metafiles esbuild's lists of what is in the bundles.
 * @param to the file, below the root.
 * @throws Error for a bundled package that has no licence with it.
 */
export function writeNotices(metafiles, to) {
  const sections = bundledPackages(metafiles).map((folder) => {
    const { name, version, license } = JSON.parse(
      readFileSync(fromRoot(join(folder, 'package.json')), 'utf8'),
    );
    const files = readdirSync(fromRoot(folder)).sort();
    const texts = [LICENCE_FILE, NOTICE_FILE].flatMap((wanted) => files.filter((file) => wanted.test(file)));
    if (typeof license !== 'string' || !texts.some((file) => LICENCE_FILE.test(file))) {
      throw new Error(`${folder} is bundled, but has no licence that could be shipped with it`);
    }
    const words = texts.map((file) => readFileSync(fromRoot(join(folder, file)), 'utf8').trim());
    return [`${name} ${version} (${license})`, ...words].join('\n\n');
  });
  const intro =
    'The command line of Sluice contains these packages, in whole or in part, under their licences.';
  writeFileSync(fromRoot(to), `${[intro, ...sections].join(`\n\n${'-'.repeat(80)}\n\n`)}\n`);
}

/** The folders of the packages of which something is in a bundle, by name. */
function bundledPackages(metafiles) {
  const folders = metafiles
    .flatMap(({ outputs }) => Object.values(outputs))
    .flatMap(({ inputs }) => Object.entries(inputs))
    .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
    .flatMap(([path]) => /^.*\bnode_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? []);
  return [...new Set(folders)].sort();
}
