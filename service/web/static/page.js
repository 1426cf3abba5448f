// Everything works without this file. With it, what went wrong or well is read out, a question about times is answered
// in place, and the page follows the hour.
(function () {
  "use strict";
  var told = document.querySelector('.faults[role="alert"]');
  if (told) { told.focus(); }

  document.addEventListener("submit", function (event) {
    var form = event.target;
    if (form.hasAttribute("data-swap")) { event.preventDefault(); swap(form); return; }
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "1";
    window.setTimeout(function () { delete form.dataset.sent; }, 4000);
  });

  // A form that only asks: its answer replaces the page, and the answer has the focus. Any trouble: an ordinary visit.
  function swap(form) {
    var url = new URL(form.getAttribute("action"), window.location).pathname + "?" + new URLSearchParams(new FormData(form));
    fetch(url).then(function (answer) {
      if (!answer.ok) { throw new Error(); }
      return answer.text();
    }).then(function (text) {
      var fresh = new DOMParser().parseFromString(text, "text/html");
      document.title = fresh.title;
      document.querySelector("main").replaceWith(fresh.querySelector("main"));
      window.history.replaceState(null, "", url);
      var main = document.querySelector("main");
      (main.querySelector("[role=status][tabindex]") || main).focus();
    }).catch(function () { window.location.assign(url); });
  }

  // The hour moves on in place: clock and list are replaced, no field is, so that nothing half typed is lost.
  var hour = document.querySelector("[data-follow]");
  if (hour) {
    window.setInterval(function () {
      fetch(hour.dataset.follow).then(function (answer) { return answer.ok ? answer.text() : ""; }).then(function (text) {
        var fresh = new DOMParser().parseFromString(text, "text/html");
        [".clock", ".agreed"].forEach(function (part) {
          if (fresh.querySelector(part)) { hour.querySelector(part).replaceWith(fresh.querySelector(part)); }
        });
      }).catch(function () {});  // offline: the next minute asks again
    }, 60000);
  }
})();
