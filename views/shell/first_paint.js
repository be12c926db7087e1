// The first paint is gone when what it waits for has a place on the screen, or cannot be expected any
// more.
;(() => {
  const first = document.getElementById('winnow-first')
  const until = first?.dataset.until?.split(' ') ?? []
  const patience = 20000
  try { // as much room as views/compare/first_steps.js takes where they are not known yet
    if (localStorage.getItem('winnow-steps-known') === null)
      first?.style.setProperty('--steps', '30px')
  } catch {
    // a browser that keeps nothing
  }
  /** @type {(view: any) => boolean} */
  const placed = (view) => view?.el?.isConnected && view.el.getBoundingClientRect().height > 0
  /** @type {(since: number | null) => void} */
  const look = (since) => {
    const doc = window.Bokeh?.documents?.[0]
    const parts = until.map((name) => doc?.get_model_by_name(name))
    if (parts.every((part) => part && placed(Bokeh.index.find_one(part))))
      requestAnimationFrame(() => requestAnimationFrame(() => first?.remove()))
    else if (since !== null && performance.now() - since > patience) first?.remove()
    else setTimeout(look, 50, since ?? (doc ? performance.now() : null))
  }
  look(null)
})()
