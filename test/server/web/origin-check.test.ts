/** Which requests are the page's own, and which are another page's. */
import { describe, expect, test } from 'vitest';
import { askedPage } from '../../support/web/asked-page.ts';

describe('a host', () => {
  test.each([
    ['127.0.0.1', 200],
    ['127.0.0.1:8081', 200],
    ['192.0.2.7:9000', 200],
    ['[::1]:8081', 200],
    ['localhost', 200],
    ['LOCALHOST:1', 200],
    ['files.example', 200],
    ['FILES.example:8443', 200],
    ['evil.example', 421],
    ['files.example.evil.example', 421],
    ['127.0.0.1.evil.example', 421],
    ['localhost.evil.example:8081', 421],
    ['0x7f.1', 421],
    ['files.example@evil.example', 400],
    ['files.example, evil.example', 400],
    ['a b', 400],
  ])('a request to the host %j is answered with %i', async (host, status) => {
    const page = await askedPage({ hosts: ['files.example'] });
    for (const path of ['/session', '/'])
      expect((await page.ask(path, { headers: { host } })).status).toBe(status);
  });

  test('the refusal of a name says how it is allowed', async () => {
    const page = await askedPage();
    const { body } = await page.ask('/', { headers: { host: 'box.lan:8081' } });
    expect(body.toString()).toContain('--web-host box.lan');
  });
});

describe('an origin', () => {
  test.each([
    ['http://127.0.0.1:8081', '127.0.0.1:8081', 200],
    ['http://localhost', 'localhost', 200],
    ['http://localhost', 'localhost:80', 200],
    ['https://files.example', 'files.example', 200],
    // A proxy in front asks with the address of the server.
    ['https://files.example', '127.0.0.1:8081', 200],
    ['http://127.0.0.1:9999', '127.0.0.1:8081', 403],
    ['http://localhost:8081', '127.0.0.1:8081', 403],
    ['https://files.example:9', 'files.example', 403],
    ['http://evil.example', '127.0.0.1:8081', 403],
    ['null', '127.0.0.1:8081', 403],
    ['file://', '127.0.0.1:8081', 403],
    ['ftp://127.0.0.1:8081', '127.0.0.1:8081', 403],
    ['nonsense', '127.0.0.1:8081', 403],
  ])('a request of %s to %s is answered with %i', async (origin, host, status) => {
    const page = await askedPage({ hosts: ['files.example'] });
    expect((await page.ask('/session', { headers: { origin, host } })).status).toBe(status);
    expect((await page.ask('/session', { method: 'DELETE', headers: { origin, host } })).status).toBe(
      status === 200 ? 204 : status,
    );
  });

  test.each([
    ['cross-site', 'no-cors', 403],
    ['same-site', 'cors', 403],
    ['cross-site', 'navigate', 200],
    ['same-origin', 'cors', 200],
    ['none', 'navigate', 200],
  ])('a request that is %s, of the mode %s, is answered with %i', async (site, mode, status) => {
    const page = await askedPage();
    const headers = { 'sec-fetch-site': site, 'sec-fetch-mode': mode };
    expect((await page.ask('/session', { headers })).status).toBe(status);
  });
});
