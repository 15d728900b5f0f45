/** Asks for the token. */
import { useState } from 'preact/hooks';
import type { Sessions } from './session.ts';

export function SignIn({ sessions, why }: { readonly sessions: Sessions; readonly why: string }) {
  const [token, setToken] = useState('');
  const [isBusy, setBusy] = useState(false);
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    await sessions.signIn(token.trim());
    setBusy(false);
  };
  return (
    <form class="sign-in card" onSubmit={submit}>
      <h2>Sign in</h2>
      <label for="token">Token</label>
      <input
        id="token"
        type="password"
        autocomplete="current-password"
        required
        value={token}
        onInput={(event) => setToken(event.currentTarget.value)}
        aria-invalid={why !== ''}
        aria-describedby={why !== '' ? 'token-wrong' : undefined}
      />
      {why !== '' && (
        <p id="token-wrong" class="fault" role="alert">
          {why}
        </p>
      )}
      <button type="submit" class="primary" disabled={isBusy || token.trim() === ''}>
        Sign in
      </button>
      <p class="hint">
        Whoever runs the server gives it to you. This browser keeps it where no script can read it.
      </p>
    </form>
  );
}
