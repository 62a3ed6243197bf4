// Scores rows of comma-separated numbers as they come: score_csv MODEL < rows.csv
//
// For each row log p, the component that it belongs to most likely and that component's responsibility. A row that
// cannot be scored is told on the standard error stream and leaves an empty line, so that output line i is always input
// line i.

#include <gaussmix/gaussmix.hpp>

#include <charconv>
#include <cstdio>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

/// Splits a line into numbers; `row` keeps its memory from line to line.
void parse(const std::string& line, std::vector<double>& row) {
  row.clear();
  const char* at = line.data();
  const char* const end = at + line.size();
  while (true) {
    while (at != end && (*at == ' ' || *at == '+')) ++at;
    double value = 0.0;
    const std::from_chars_result parsed = std::from_chars(at, end, value);
    if (parsed.ec != std::errc()) {
      throw std::runtime_error("value " + std::to_string(row.size() + 1) + " is no number of float64");
    }
    row.push_back(value);
    at = parsed.ptr;
    while (at != end && (*at == ' ' || *at == '\r')) ++at;
    if (at == end) return;
    if (*at++ != ',') throw std::runtime_error("value " + std::to_string(row.size()) + " must end at a comma");
  }
}

class Stream {
 public:
  explicit Stream(const gaussmix::Mixture& mixture)
      : scorer_(mixture), gamma_(static_cast<std::size_t>(mixture.n_components())) {}

  /// Prints one line for one line.
  void score(const std::string& line) {
    parse(line, row_);
    const double log_p = scorer_.log_prob(row_);
    scorer_.responsibilities(row_, gamma_);
    const gaussmix::Index k = scorer_.predict(row_);
    std::printf("%.17g,%lld,%.17g\n", log_p, static_cast<long long>(k), gamma_[static_cast<std::size_t>(k)]);
  }

 private:
  gaussmix::RowScorer scorer_;  // one per thread
  std::vector<double> row_;
  std::vector<double> gamma_;
};

/// @returns the number of lines that could not be scored
long score_lines(const gaussmix::Mixture& mixture, std::istream& in) {
  Stream stream(mixture);
  long n_failed = 0;
  std::string line;
  for (long number = 1; std::getline(in, line); ++number) {
    try {
      stream.score(line);
    } catch (const std::runtime_error& error) {  // gaussmix::Error among them
      std::printf("\n");
      std::fprintf(stderr, "line %ld: %s\n", number, error.what());
      ++n_failed;
    }
  }
  return n_failed;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: score_csv MODEL < rows.csv\n");
    return 2;
  }
  try {
    const gaussmix::Model model = gaussmix::load_model(argv[1]);
    return score_lines(model.mixture, std::cin) == 0 ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  }
}
