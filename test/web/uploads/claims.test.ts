/** Which tab sends which file. */
import { firstValueFrom } from 'rxjs';
import { expect, test } from 'vitest';
import { createClaims } from '../../../src/web/uploads/claims.ts';

test('in a browser that refuses locks each tab sends on its own, rather than waiting without end', async () => {
  const refused = () => Promise.reject(new DOMException('no locks here', 'SecurityError'));
  const locks = { request: refused, query: refused } as unknown as LockManager;
  const claims = createClaims('tab', locks);
  const source = { source: 'a', size: 1, modified: 0 };
  expect(await firstValueFrom(claims.claim(source))).toBe('mine');
  expect(await firstValueFrom(claims.claim(source))).toBe('mine');
  expect(await claims.tabs()).toBe(null);
});
