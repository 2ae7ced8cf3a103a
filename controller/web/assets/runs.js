// The history: deleting a run.
const said = document.getElementById('said');

for (const button of document.querySelectorAll('[data-delete]')) {
  button.addEventListener('click', async () => {
    if (!confirm(`Delete the run ${button.dataset.name} for good?`)) return;
    const answer = await fetch(`/api/runs/${button.dataset.delete}`, { method: 'DELETE' });
    if (answer.ok) button.closest('tr').remove();
    const problem = answer.ok ? null : await answer.json().catch(() => ({ error: answer.statusText }));
    said.textContent = problem ? `Not deleted: ${problem.error}` : 'Deleted.';
  });
}
