import { useState } from 'preact/hooks';
import { giveToken, tokenWanted } from '../api/client.ts';
import { retryNow } from '../live/connection.ts';
import { Modal } from './modal.tsx';

/** Asks for the API's token when the server wants one; it is kept until the tab is closed. */
export function TokenPrompt() {
  const [token, setToken] = useState('');
  const reason = tokenWanted.value;
  if (reason === null) return null;
  return (
    <Modal
      title="This server asks for a token"
      onClose={() => {
        tokenWanted.value = null;
      }}
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          giveToken(token.trim());
          setToken('');
          retryNow();
        }}
      >
        <p>{reason}</p>
        <label class="field">
          Token
          <input
            type="password"
            autocomplete="off"
            required
            value={token}
            onInput={(event) => setToken(event.currentTarget.value)}
          />
        </label>
        <p class="muted small">It stays in this tab and is forgotten when you close it.</p>
        <div class="dialog-buttons">
          <button type="submit" class="primary">
            Use token
          </button>
        </div>
      </form>
    </Modal>
  );
}
