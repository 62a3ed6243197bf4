#include "c_api/mixture.hpp"

using namespace gaussmix;
using c_api::guarded;
using c_api::live;
using c_api::required;

struct gaussmix_row_scorer : c_api::Handle<RowScorer, 0x474D5820524F5753> {  // "GMX ROWS"
  using Handle::Handle;
};

gaussmix_status gaussmix_row_scorer_create(const gaussmix_mixture* mixture, gaussmix_row_scorer** scorer) {
  return c_api::create(scorer, "scorer", [&] { return RowScorer(live(mixture, "mixture").value); });
}

gaussmix_status gaussmix_row_scorer_free(gaussmix_row_scorer* scorer) { return c_api::destroy(scorer, "scorer"); }

gaussmix_status gaussmix_row_scorer_log_prob(gaussmix_row_scorer* scorer, const double* x, std::int64_t n_features,
                                             double* log_prob) {
  return guarded([&] {
    double& out = required(log_prob, "log_prob");
    out = live(scorer, "scorer").value.log_prob({x, n_features});
  });
}

gaussmix_status gaussmix_row_scorer_responsibilities(gaussmix_row_scorer* scorer, const double* x,
                                                     std::int64_t n_features, double* out, std::int64_t n_components) {
  return guarded([&] { live(scorer, "scorer").value.responsibilities({x, n_features}, {out, n_components}); });
}

gaussmix_status gaussmix_row_scorer_predict(gaussmix_row_scorer* scorer, const double* x, std::int64_t n_features,
                                            std::int64_t* component) {
  return guarded([&] {
    std::int64_t& out = required(component, "component");
    out = live(scorer, "scorer").value.predict({x, n_features});
  });
}
