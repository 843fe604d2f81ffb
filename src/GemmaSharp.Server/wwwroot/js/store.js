// Conversations, kept in this browser alone (IndexedDB).
const NAME = "gemmasharp", STORE = "conversations";
let opened;

function database() {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "id" });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return opened;
}

async function run(mode, use) {
  const store = (await database()).transaction(STORE, mode).objectStore(STORE);
  return new Promise((resolve, reject) => {
    const request = use(store);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

export const all = async () => (await run("readonly", store => store.getAll())).sort((a, b) => b.updated - a.updated);
export const remove = id => run("readwrite", store => store.delete(id));

export const one = id => run("readonly", store => store.get(id));

/**
 * Saves a conversation, and takes over what another tab has added to it or changed later. While an answer comes this is called often; what is written is
 * always whole.
 */
export async function save(conversation) {
  const store = (await database()).transaction(STORE, "readwrite").objectStore(STORE);
  await new Promise((resolve, reject) => {
    const reading = store.get(conversation.id);
    reading.onerror = () => reject(reading.error);
    reading.onsuccess = () => {
      for (const [id, node] of Object.entries(reading.result?.nodes ?? {})) {
        if (!conversation.nodes[id] || (node.changed ?? 0) > (conversation.nodes[id].changed ?? 0)) conversation.nodes[id] = node;
      }
      const writing = store.put(structuredClone(conversation));
      writing.onsuccess = resolve;
      writing.onerror = () => reject(writing.error);
    };
  });
}
