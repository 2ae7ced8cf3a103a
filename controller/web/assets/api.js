// The REST API, described at /api/openapi.json.

/** The answer as JSON; throws { error, problems } with what was wrong. */
const ask = async (method, path, body, type = 'application/json') => {
  const answer = await fetch(path, {
    method,
    headers: body === undefined ? {} : { 'content-type': type },
    body: body === undefined || type !== 'application/json' ? body : JSON.stringify(body),
  }).catch(() => {
    throw { error: 'the controller does not answer' };
  });
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) throw { error: answer.statusText, ...told };
  return told;
};

export const status = () => ask('GET', '/api/status');
export const runs = () => ask('GET', '/api/runs');
export const check = (plan) => ask('POST', '/api/plans/check', plan, 'text/plain');
export const quick = (form) => ask('POST', '/api/plans/quick', form);
export const start = (plan) => ask('POST', '/api/runs', { plan });
export const order = (id, what, body = {}) => ask('POST', `/api/runs/${id}/${what}`, body);
