"""What `gaussmix.GaussianMixture` is made of: scikit-learn's protocol, rules, words and callbacks."""
