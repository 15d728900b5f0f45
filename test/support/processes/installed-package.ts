/** The packed tarball, installed into an empty project as a stranger's would be. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

export const root = resolve(import.meta.dirname, '../../..');
export const tsc = join(root, 'node_modules/typescript/bin/tsc');
export const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

export interface InstalledPackage {
  /** The project's folder. */
  readonly project: string;
  /** The package in it. */
  readonly installed: string;
  readonly tarball: string;
  readonly remove: () => void;
}

/**
 * Packs what `npm run build` has built last, and installs it with its dependencies.
 *
 * @param also what the project has besides: `vitest`.
 */
export function installPackage(also: readonly string[] = []): InstalledPackage {
  const project = mkdtempSync(join(tmpdir(), 'sluice-package-'));
  // Without scripts: what is packed is what `npm test` has just built.
  execFileSync('npm', ['pack', '--ignore-scripts', '--pack-destination', project], {
    cwd: root,
    stdio: 'pipe',
  });
  const installed = join(project, 'node_modules/sluice');
  mkdirSync(installed, { recursive: true });
  const tarball = join(project, `sluice-${manifest.version}.tgz`);
  execFileSync('tar', ['-xzf', tarball, '-C', installed, '--strip-components=1']);
  for (const dependency of [...Object.keys(manifest.dependencies), 'rxjs', '@types/node', ...also]) {
    mkdirSync(dirname(join(project, 'node_modules', dependency)), { recursive: true });
    symlinkSync(join(root, 'node_modules', dependency), join(project, 'node_modules', dependency));
  }
  writeFileSync(join(project, 'package.json'), '{"type":"module"}');
  const compilerOptions = {
    target: 'ES2022',
    module: 'NodeNext',
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: false,
    types: ['node'],
  };
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }));
  return { project, installed, tarball, remove: () => rmSync(project, { recursive: true, force: true }) };
}
